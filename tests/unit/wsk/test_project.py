"""wsk project: plans, faults found before anything is sent, requests in order."""

import json
from pathlib import Path
from typing import Any

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import MISSING, RecordedServer

pytest.importorskip("yaml", reason="manifests are read by PyYAML")

MANIFEST = """\
project:
  name: demo
  packages:
    shop:
      inputs: {region: "${REGION}"}
      actions:
        hello:
          function: src/hello.py
          runtime: python:3.11
          web: yes
          inputs:
            name: {type: string, value: World}
            price: "$${X}"
          limits: {memorySize: 128}
      sequences:
        twice: {actions: "hello, /other/p/a"}
      triggers:
        t: {inputs: {a: 1}}
      rules:
        r: {trigger: t, action: hello}
      apis:
        club: {club: {books: {hello: {method: get, response: http}}}}
"""
PLATFORM = {
    "runtimes": {
        "python": [{"kind": "python:3.11"}], "nodejs": [{"kind": "nodejs:20"}],
    },
    "limits": {"min_action_memory": 128 << 20, "max_action_memory": 512 << 20},
}  # fmt: skip


@pytest.fixture
def project(guest: Wsk, server: RecordedServer, monkeypatch: pytest.MonkeyPatch) -> Wsk:
    """A project folder, and a server that takes everything."""
    monkeypatch.setenv("REGION", "eu ${NOT_LOOKED_INTO}")
    Path("src").mkdir()
    Path("src/hello.py").write_text("def main(a): return a\n")
    Path("manifest.yaml").write_text(MANIFEST)
    server.answer("GET", "/", 200, PLATFORM)
    for path in ("packages/shop", "actions/shop/hello", "actions/shop/twice"):
        server.answer("PUT", path, 200, {})
    server.answer("PUT", "triggers/t", 200, {})
    server.answer("PUT", "rules/r", 200, {})
    server.answer("POST", "rules/r", 200, {})
    create = "/api/v1/web/whisk.system/apimgmt/createApi.http"
    server.answer("POST", create, 200, {"gwApiUrl": "u", "apidoc": {}})
    return guest


def bodies(server: RecordedServer) -> dict[str, Any]:
    return {
        request.target.partition("?")[0].rpartition("/_/")[2]: request.json
        for request in server.requests
        if request.method == "PUT"
    }


def test_everything_is_put_in_order(project: Wsk, server: RecordedServer) -> None:
    """Case 78."""
    ran = project("project", "deploy")

    assert ran == ("Success: Deployment completed successfully.\n", "", 0)
    assert [line.partition("?")[0] for line in server.lines[1:]] == [
        "PUT packages/shop", "PUT actions/shop/hello", "PUT actions/shop/twice",
        "PUT triggers/t", "PUT rules/r", "POST rules/r",
        "POST /api/v1/web/whisk.system/apimgmt/createApi.http",
    ]  # fmt: skip
    sent = bodies(server)
    assert sent["packages/shop"]["parameters"] == [
        {"key": "region", "value": "eu ${NOT_LOOKED_INTO}"}
    ]
    hello = sent["actions/shop/hello"]
    assert hello["exec"] == {
        "kind": "python:3.11", "code": "def main(a): return a\n",
    }  # fmt: skip
    assert hello["limits"] == {"memory": 128}
    assert {"key": "price", "value": "${X}"} in hello["parameters"]
    assert {"key": "web-export", "value": True} in hello["annotations"]
    assert sent["actions/shop/twice"]["exec"]["components"] == [
        "/_/shop/hello", "/other/p/a",
    ]  # fmt: skip
    assert sent["rules/r"]["action"] == "/_/shop/hello"
    assert server.requests[-2].json["status"] == "active"
    api = server.requests[-1].json["apidoc"]
    assert (api["gatewayBasePath"], api["gatewayPath"]) == ("/club", "/books")
    assert api["action"]["backendUrl"] == (f"{server.url}/api/v1/web/_/shop/hello.http")


def test_parameters_of_the_command_line_override_inputs(
    project: Wsk, server: RecordedServer
) -> None:
    project("project", "deploy", "--param", "name", "CLI")

    sent = bodies(server)["actions/shop/hello"]["parameters"]
    assert {"key": "name", "value": "CLI"} in sent


def test_a_deployment_file_lies_between(project: Wsk, server: RecordedServer) -> None:
    Path("deployment.yaml").write_text(
        "project: {packages: {shop: {actions: {hello: {inputs: {name: D, new: 1}}}}}}"
    )

    project("project", "deploy")

    sent = bodies(server)["actions/shop/hello"]["parameters"]
    assert {"key": "name", "value": "D"} in sent
    assert {"key": "new", "value": 1} in sent


def test_a_preview_writes_nothing(project: Wsk, server: RecordedServer) -> None:
    ran = project("project", "deploy", "--preview")

    assert server.requests == []
    for line in ("Packages:", "Name: shop", "  * action: hello", "  * sequence: twice",
                 "Triggers:", "* trigger: t", "Rules", "* rule: r"):  # fmt: skip
        assert line in ran.out.splitlines()


def test_the_first_error_stops_and_keeps_its_code(
    project: Wsk, server: RecordedServer
) -> None:
    """The original always exits 1."""
    body = {"error": "no", "code": "t"}
    server._answers["PUT", "/api/v1/namespaces/_/actions/shop/hello"][0] = (
        server.fallback._replace(status=403, body=body)
    )

    ran = project("project", "deploy")

    assert ran.code == 147
    assert "Deployment did not complete successfully. " in ran.err
    assert "action 'shop/hello': no (code t)" in ran.err
    assert not any("triggers" in line for line in server.lines)


def test_undeploy_goes_backwards_and_skips_what_is_gone(
    project: Wsk, server: RecordedServer
) -> None:
    delete_api = "/api/v1/web/whisk.system/apimgmt/deleteApi.http"
    server.answer("DELETE", delete_api, 200, {})
    for path in ("rules/r", "actions/shop/hello", "packages/shop"):
        server.answer("GET", path, 200, {"name": "x", "annotations": []})
        server.answer("DELETE", path, 200, {})

    ran = project("project", "undeploy")

    assert ran.out == "Success: Undeployment completed successfully.\n"
    assert [x for x in server.lines if x.startswith("DELETE") and "api" not in x] == [
        "DELETE rules/r", "DELETE actions/shop/hello", "DELETE packages/shop",
    ]  # fmt: skip


def test_an_empty_folder_has_no_manifest(guest: Wsk) -> None:
    """Case 78; the original exits 0."""
    ran = guest("project", "deploy")

    assert ran == ("", "error: Manifest file not found at path [.].\n", 1)


def test_sync_marks_and_removes(project: Wsk, server: RecordedServer) -> None:
    stale = [{"key": "whisk-managed",
              "value": {"projectName": "demo", "projectHash": "old"}}]  # fmt: skip
    rows = [{"namespace": "guest", "name": "old", "annotations": stale},
            {"namespace": "guest", "name": "stranger", "annotations": []}]  # fmt: skip
    server.answer("GET", "actions", 200, rows)
    server.answer("GET", "actions/old", 200, rows[0])
    server.answer("DELETE", "actions/old", 200, {})

    ran = project("project", "sync")

    assert ran.code == 0, ran.err
    marks = [
        item["value"]
        for body in bodies(server).values()
        for item in body["annotations"]
        if item["key"] == "whisk-managed"
    ]
    assert len(marks) == 5
    assert {mark["projectName"] for mark in marks} == {"demo"}
    assert [x for x in server.lines if x.startswith("DELETE")] == ["DELETE actions/old"]


def test_an_exported_project_can_be_deployed_again(
    project: Wsk, server: RecordedServer
) -> None:
    mark = {"key": "whisk-managed", "value": {"projectName": "demo"}}
    rows = [{"namespace": "guest/shop", "name": "hello", "annotations": [mark]}]
    stored = {
        "exec": {"kind": "python:3.11", "code": "def main(a): return a\n"},
        "annotations": [mark, {"key": "note", "value": "yes"}],
        "parameters": [{"key": "n", "value": 1}], "limits": {"memory": 256},
    }  # fmt: skip
    server.answer("GET", "actions", 200, rows)
    server.answer("GET", "actions/shop/hello", 200, stored)

    words = ("--projectname", "demo", "--manifest", "out/manifest.yaml")
    ran = project("project", "export", *words)
    assert ran.out == "Manifest exported to: out/manifest.yaml\n"
    server.requests.clear()

    assert project("project", "deploy", "--project", "out").code == 0
    sent = bodies(server)["actions/shop/hello"]
    assert sent["exec"] == stored["exec"]
    assert sent["parameters"] == stored["parameters"]
    assert {"key": "note", "value": "yes"} in sent["annotations"]


def test_a_diff_tells_what_would_change(project: Wsk, server: RecordedServer) -> None:
    server.answer("GET", "triggers/t", 200, {"parameters": [{"key": "a", "value": 2}]})

    ran = project("deploy", ".", "--diff", "--exit-code", "-q")

    assert "~ trigger t\n" in ran.out
    assert "+ action shop/hello\n" in ran.out
    assert ran.code == 2
    assert not any(line.startswith(("PUT", "POST")) for line in server.lines)


DEEP = "a: " + "[" * 200 + "]" * 200
LAUGHS = "a: &a [x]\n" + "".join(
    f"b{n}: &b{n} [{','.join(['*a'] * 12)}]\n" for n in range(10)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("packages:\n  p:\n    x: !!python/object/apply:os.system [ls]",
         "line 3: tag not allowed"),
        (LAUGHS, "too many aliases"),
        ("a: &a [*a]", "line 1: an alias inside itself"),
        (DEEP, "nested too deeply"),
        ("a: 1\na: 2\n", "line 2: the key 'a' stands twice"),
        ("a: 1\n---\nb: 2\n", "one document is expected"),
        ("a:\n\t- b\n", "line 2, column 1"),
        ("", "it is empty"),
        ("pacakges: {}", "'pacakges' is not known here; did you mean 'packages'?"),
        ("packages: {}", "there are no packages in it"),
    ],
    ids=["tag", "laughs", "itself", "deep", "twice", "two", "tab", "empty", "typo",
         "none"],
)  # fmt: skip
def test_yaml_that_will_not_do(
    guest: Wsk, server: RecordedServer, text: str, fault: str
) -> None:
    """B121 to B124."""
    Path("manifest.yaml").write_text(text)

    ran = guest("project", "deploy")

    assert fault in ran.err
    assert ran.code == 1
    assert not any(line.startswith("PUT") for line in server.lines)


def test_bytes_that_are_no_text_are_no_manifest(guest: Wsk) -> None:
    Path("manifest.yaml").write_bytes(b"\xff\xfe\x00")

    assert "it is not UTF-8 text" in guest("project", "deploy").err


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ("{function: ../outside.py}", "leads out of the project"),
        ("{function: /etc/shadow}", "is absolute"),
        ("{function: link.py}", "leads out of the project"),
        ("{function: missing.py}", "does not exist"),
        ("{function: empty}", "The language of"),
        ("{function: src/hello.py, code: x}", "exclude each other"),
        ("{code: x}", "needs a runtime"),
        ("{}", "function, code or docker is needed"),
        ("{function: src/hello.py, runtime: 'cobol:1'}", "'cobol:1' is not one of"),
        ("{function: src/hello.py, runtime: 'python:2'}", "'python:2' is not one of"),
        ("{function: src/hello.py, limits: {memorySize: 99999}}",
         "packages.p.actions.a.limits.memorySize: 99999 is not in 128 to 512"),
        ("{function: src/hello.py, limits: {memorySize: big}}", "a whole number"),
        ("{function: src/hello.py, inputs: {n: {type: integer, value: x}}}",
         "inputs.n: integer is expected"),
        ("{function: src/hello.py, inputs: {n: {type: string, required: true}}}",
         "inputs.n: a value is required"),
        ("{function: src/hello.py, inputs: {n: '${UNSET_ONE}'}}",
         "the variable UNSET_ONE is not set"),
        ("{function: src/hello.py, web: maybe}", "Invalid argument 'maybe' for --web"),
    ],
)  # fmt: skip
def test_faults_of_actions_are_found_before_anything_is_sent(
    project: Wsk, server: RecordedServer, action: str, fault: str, home: Path
) -> None:
    """B125, B126, B128."""
    (home / "outside.py").write_text("")
    Path("link.py").symlink_to(home / "outside.py")
    Path("empty").mkdir()
    Path("manifest.yaml").write_text(f"packages: {{p: {{actions: {{a: {action}}}}}}}")

    ran = project("project", "deploy")

    assert fault in ran.err
    assert "packages.p.actions.a" in ran.err
    assert ran.code == 1
    assert not any(line.startswith("PUT") for line in server.lines)


def test_all_dangling_references_are_listed_at_once(
    project: Wsk, server: RecordedServer
) -> None:
    """B127."""
    Path("manifest.yaml").write_text(
        "packages: {p: {sequences: {s: {actions: t}, t: {actions: s}, u: {actions: x}},"
        " rules: {r: {trigger: nope, action: gone}}}}"
    )

    ran = project("project", "deploy")

    for fault in (
        "rule r: the trigger 'nope' is not defined",
        "rule r: the action 'p/gone' is not defined",
        "sequence p/u: 'p/x' is not defined",
        "sequences that contain each other: p/s, p/t",
    ):
        assert fault in ran.err
    assert not any(line.startswith("PUT") for line in server.lines)


def test_yaml_1_1_surprises_are_text(project: Wsk, server: RecordedServer) -> None:
    """B129."""
    Path("manifest.yaml").write_text(
        "packages: {p: {inputs: {a: no, b: on, c: 0o17, d: 12:34:56, e: 1_000, f: 017,"
        " g: true, h: 12, i: null, j: 2026-01-01, k: 1.5}}}"
    )
    server.answer("PUT", "packages/p", 200, {})

    ran = project("project", "deploy", "--strict")

    assert ran.code == 0, ran.err
    sent = {x["key"]: x["value"] for x in bodies(server)["packages/p"]["parameters"]}
    assert sent == {
        "a": "no", "b": "on", "c": "0o17", "d": "12:34:56", "e": "1_000", "f": 17,
        "g": True, "h": 12, "i": None, "j": "2026-01-01", "k": 1.5,
    }  # fmt: skip


def test_a_feed_is_told_again_on_every_deployment(
    project: Wsk, server: RecordedServer
) -> None:
    """B130: a second run converges."""
    Path("manifest.yaml").write_text(
        "packages: {p: {triggers: {f: {feed: /whisk.system/x/feed, inputs: {c: 1}}}}}"
    )
    feed = "/api/v1/namespaces/whisk.system/actions/x/feed"
    server.answer("PUT", "packages/p", 200, {})
    server.answer("PUT", "triggers/f", 200, {})
    server.answer("POST", feed, 200, {"response": {}})
    server.answer("GET", "triggers/f", 404, MISSING)
    stored = {"annotations": [{"key": "feed", "value": "/whisk.system/x/feed"}]}
    server.answer("GET", "triggers/f", 200, stored)

    assert project("project", "deploy").code == 0
    assert project("project", "deploy").code == 0

    events = [
        json.loads(request.body)["lifecycleEvent"]
        for request in server.requests
        if request.target.startswith(feed)
    ]
    assert events == ["CREATE", "DELETE", "CREATE"]
    assert server.requests[-1].json["c"] == 1


def test_the_namespace_of_the_properties_file_is_ignored(
    project: Wsk, server: RecordedServer, home: Path
) -> None:
    path = home / ".wskprops"
    path.write_text(path.read_text() + "NAMESPACE=stale\n")

    assert project("project", "deploy").code == 0
    assert not any("stale" in line for line in server.lines)
