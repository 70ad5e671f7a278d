"""The acceptance cases of the CLI that a recorded answer can show.

Each row: command line, what the server plays back, stdout, stderr, exit code, and the
requests. A text is compared exactly; a compiled pattern is searched.
"""

import re
from typing import Any, NamedTuple

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import RecordedServer

U = "Run 'wsk --help' for usage.\n"
ID = "0123456789abcdef0123456789abcdef"
EXISTS = {"error": "resource already exists", "code": "tid_7"}
HELLO = {
    "namespace": "guest", "name": "hello", "version": "0.0.1", "publish": False,
    "exec": {"kind": "nodejs:20", "binary": False}, "updated": 1700000000000,
    "annotations": [
        {"key": "exec", "value": "nodejs:20"},
        {"key": "provide-api-key", "value": False},
    ],
    "limits": {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1},
    "parameters": [],
}  # fmt: skip
WEB = {
    **HELLO, "name": "w",
    "annotations": [{"key": "web-export", "value": True}, *HELLO["annotations"]],
}  # fmt: skip
BOOM = {
    "activationId": ID,
    "response": {"status": "application error", "success": False, "result": {}},
}


class Case(NamedTuple):
    """One command line and everything that can be seen of it."""

    name: str
    words: list[str]
    out: str | re.Pattern[str] = ""
    err: str | re.Pattern[str] = ""
    code: int = 0
    answers: tuple[tuple[Any, ...], ...] = ()
    lines: list[str] | None = None


def search(text: str) -> re.Pattern[str]:
    return re.compile(text, re.MULTILINE)


P = search
CASES = [
    Case(
        "1 bare wsk is help", [],
        P("Usage:\n(.|\n)*Available Commands:(.|\n)*--help"),
    ),
    Case(
        "2 unknown command", ["bogus"],
        err=P(f'\\Aerror: unknown command "bogus" for "wsk"\n(.|\n)*{U}'), code=1,
    ),
    Case(
        "3 a typo is answered", ["actoin", "list"],
        err=P(r'unknown command "actoin"(.|\n)*Did you mean this\?\n\taction\n'),
        code=1,
    ),
    Case(
        "4 unknown sub-command", ["action", "lst"],
        err=P(r'^error: unknown command "lst" for "wsk action"(.|\n)*\tlist\n'), code=1,
    ),
    Case(
        "5 unknown flag", ["action", "list", "--bogus"],
        err=P("^error: unknown flag: --bogus"), code=1,
    ),
    Case(
        "unknown shorthand", ["action", "list", "-x"],
        err=f"error: unknown shorthand flag: 'x' in -x\n{U}", code=1,
    ),
    Case(
        "not an integer", ["action", "list", "--limit", "abc"],
        err='error: invalid argument "abc" for "-l, --limit" flag: not an integer\n'
        + U, code=1,
    ),
    Case(
        "other scripts' digits", ["action", "create", "x", "hello.js", "-m", "٢٥٦"],
        err=P('invalid argument "٢٥٦" for "-m, --memory" flag'), code=1,
    ),
    Case(
        "more than 64 bits",
        ["action", "create", "x", "hello.js", "-m", "99999999999999999999"],
        err=P('for "-m, --memory" flag: out of range'), code=1,
    ),
    Case(
        "a flag at the end", ["action", "create", "x", "hello.js", "--web"],
        err=f"error: flag needs an argument: --web\n{U}", code=1,
    ),
    Case(
        "8 connection refused", ["action", "list", "--apihost", "http://127.0.0.1:1"],
        err=P(
            "^error: Unable to obtain the list of actions for namespace 'default': Get "
            r'"http://127.0.0.1:1/api/v1/namespaces/_/actions\?limit=30&skip=0": dial'
        ),
        code=3,
    ),
    Case(
        "9 a wrong key", ["-u", "xxx", "namespace", "get"],
        err="error: Unable to obtain the list of entities for namespace 'default': The "
        "supplied authentication is invalid (code tid_2)\n", code=145,
        answers=(
            ("GET", "actions", 401,
             {"error": "The supplied authentication is invalid", "code": "tid_2"}),
        ),
    ),
    Case(
        "13 property format", ["property", "get", "-o", "xml"],
        err="error: Supported output format are std|raw\n", code=1,
    ),
    Case(
        "14 raw and all", ["property", "get", "--all", "-o", "raw"],
        err=P("only supported with specific property type"), code=1,
    ),
    Case(
        "19 the namespace follows from the key",
        ["property", "set", "--namespace", "x"],
        err=P("^error: unknown flag: --namespace"), code=1,
    ),
    Case(
        "21 create", ["action", "create", "hello", "hello.js"],
        "ok: created action hello\n",
        answers=(("PUT", "actions/hello", 200, HELLO),),
        lines=["PUT actions/hello?overwrite=false"],
    ),
    Case(
        "22 create twice", ["action", "create", "hello", "hello.js"],
        err="error: Unable to create action 'hello': resource already exists "
        f"(code tid_7)\n{U}", code=153,
        answers=(("PUT", "actions/hello", 409, EXISTS),),
    ),
    Case(
        "23 a missing file", ["action", "create", "x", "nofile.js"],
        err="error: Invalid argument(s). File 'nofile.js' is not a valid file or it "
        f"does not exist\n{U}", code=2,
    ),
    Case(
        "24 an unknown extension", ["action", "create", "x", "notes.txt"],
        err="error: Invalid argument(s). '.txt' is not a supported action runtime\n"
        + U,
        code=2,
    ),
    Case(
        "25 a zip without kind", ["action", "create", "x", "a.zip"],
        err=P("requires specifying the action kind explicitly"), code=2,
    ),
    Case(
        "26 kind and docker",
        ["action", "create", "x", "hello.js", "--kind", "nodejs:20", "--docker", "i"],
        err=P(r"Cannot specify both --kind and --docker at the same time\."), code=149,
    ),
    Case(
        "27 no artifact", ["action", "create", "x"],
        err="error: Invalid argument(s). An action name and code artifact are "
        f"required.\n{U}", code=2,
    ),
    Case(
        "27 no name", ["action", "create"],
        err="error: Invalid argument(s). An action name and code artifact are "
        f"required.\n{U}", code=1,
    ),
    Case(
        "28 too many", ["action", "create", "x", "hello.js", "y"],
        err=P(r"Invalid argument\(s\): y\. An action name"), code=1,
    ),
    Case(
        "29 a bad web mode", ["action", "create", "w", "hello.js", "--web", "bogus"],
        err=P(
            r"Invalid argument 'bogus' for --web flag\. Valid input consist of 'yes', "
            r"'true', 'raw', 'false', or 'no'\."
        ), code=2,
    ),
    Case(
        "31 a secret without web",
        ["action", "create", "x", "hello.js", "--web-secure", "true"],
        err=P(r"The --web-secure option is only valid when the --web option is "),
        code=2,
    ),
    Case(
        "java wants main", ["action", "create", "j", "hello.js", "--kind", "java:8"],
        err=P("Java actions require --main to specify the fully-qualified name"),
        code=2,
    ),
    Case(
        "40 invoke", ["action", "invoke", "hello"],
        f"ok: invoked /_/hello with id {ID}\n",
        answers=(("POST", "actions/hello", 202, {"activationId": ID}),),
        lines=["POST actions/hello?blocking=false&result=false"],
    ),
    Case(
        "41 the result alone", ["action", "invoke", "hello", "-r", "-p", "name", "Bob"],
        '{\n    "payload": "Hello, Bob"\n}\n',
        answers=(("POST", "actions/hello", 200, {"payload": "Hello, Bob"}),),
        lines=["POST actions/hello?blocking=true&result=true"],
    ),
    Case(
        "42 the record", ["action", "invoke", "hello", "-b"],
        f"ok: invoked /_/hello with id {ID}\n"
        f'{{\n    "activationId": "{ID}",\n    "version": "0.0.1"\n}}\n',
        answers=(
            ("POST", "actions/hello", 200, {"version": "0.0.1", "activationId": ID}),
        ),
    ),
    Case(
        "43 an application error, result alone", ["action", "invoke", "fail", "-r"],
        err='{\n    "error": "boom"\n}\n', code=246,
        answers=(("POST", "actions/fail", 502, {"error": "boom"}),),
    ),
    Case(
        "44 an application error, record", ["action", "invoke", "fail", "-b"],
        err=P(
            f"\\Aok: invoked /_/fail with id {ID}\n"
            '\\{(.|\n)*"status": "application error"'
        ), code=246,
        answers=(("POST", "actions/fail", 502, BOOM),),
    ),
    Case(
        "45 not yet finished", ["action", "invoke", "slow", "-b"],
        err="ok: invoked /_/slow, but the request has not yet finished, with id "
        f"{ID}\n", code=202,
        answers=(("POST", "actions/slow", 202, {"activationId": ID}),),
    ),
    Case(
        "49 an array of parameters", ["action", "invoke", "echo", "-P", "arr.json"],
        err=P(f"Invalid parameter argument 'arr.json'(.|\n)*{U}"), code=1,
    ),
    Case(
        "49 no such parameter file", ["action", "invoke", "echo", "-P", "nofile"],
        err="error: Failed to parse arguments: File 'nofile' is not a valid file or it "
        f"does not exist\n{U}", code=2,
    ),
    Case(
        "49 half a pair", ["action", "invoke", "echo", "-p", "a"],
        err="error: Failed to parse arguments: The parameter arguments are invalid: "
        f"Arguments for '-p' must be a key/value pair\n{U}", code=1,
    ),
    Case(
        "the scan is global: fire with -a", ["trigger", "fire", "T", "-a"],
        err=P("Arguments for '-a' must be a key/value pair"), code=1,
    ),
    Case(
        "the scan is global: -p on a list", ["action", "list", "-p", "x", "-b"],
        "actions\n", answers=(("GET", "actions", 200, []),),
    ),
    Case(
        "an empty key is refused", ["action", "invoke", "echo", "-p", "", "x"],
        err=P("Invalid parameter argument 'x': the key is empty"), code=1,
    ),
    Case(
        "50 a result that is called response", ["action", "invoke", "echo", "-r"],
        '{\n    "response": {\n        "SomeField": 1\n    }\n}\n',
        answers=(("POST", "actions/echo", 200, {"response": {"SomeField": 1}}),),
    ),
    Case(
        "51 a missing action", ["action", "invoke", "nosuch"],
        err="error: Unable to invoke action 'nosuch': The requested resource does not "
        f"exist. (code tid_1)\n{U}", code=148,
    ),
    Case(
        "52 too many segments", ["action", "get", "/guest/a/b/c"],
        err="error: '/guest/a/b/c' is not a valid qualified name: A valid qualified "
        f"name must be specified.\n{U}", code=1,
    ),
    Case(
        "53 an unknown field sends nothing", ["action", "get", "hello", "bogus"],
        err=f"error: Invalid field filter 'bogus'.\n{U}", code=2, lines=[],
    ),
    Case(
        "a field", ["action", "get", "hello", "LIMITS"],
        "ok: got action hello, displaying field LIMITS\n"
        '{\n    "timeout": 60000,\n    "memory": 256,\n    "logs": 10,\n'
        '    "concurrency": 1\n}\n',
        answers=(("GET", "actions/hello", 200, HELLO),),
        lines=["GET actions/hello?code=false"],
    ),
    Case(
        "57 the actions of a package", ["action", "list", "pkg"], "actions\n",
        answers=(("GET", "actions/pkg/", 200, []),),
        lines=["GET actions/pkg/?limit=30&skip=0"],
    ),
    Case(
        "59 no activations", ["activation", "list"], "\n",
        answers=(("GET", "activations", 200, []),),
        lines=["GET activations?limit=30&skip=0"],
    ),
    Case(
        "60 the server knows the range", ["activation", "list", "-l", "201"],
        err="error: Unable to obtain the list of activations for namespace 'default': "
        "The value '201' is not in the range of 0 to 200 for activations. (code t)\n",
        code=144,
        answers=(
            ("GET", "activations", 400, {"error": "The value '201' is not in the range "
             "of 0 to 200 for activations.", "code": "t"}),
        ),
    ),
    Case(
        "61 no history", ["activation", "get", "--last"],
        err="error: Unable to get activation: Activation list does not contain any "
        "activations.\n", code=1, answers=(("GET", "activations", 200, []),),
    ),
    Case(
        "62 with --last an id is a field", ["activation", "get", "someid", "--last"],
        err="error: Invalid field filter 'someid'.\n", code=1,
    ),
    Case(
        "62 two strays", ["activation", "get", "someid", "name", "--last"],
        err=P(r"Invalid argument\(s\): someid\. An activation ID is required\."),
        code=1,
    ),
    Case(
        "63 stripped logs", ["activation", "logs", ID, "--strip"], "hi\nplain\n",
        answers=(
            ("GET", f"activations/{ID}/logs", 200,
             {"logs": ["2023-11-14T22:13:20.000000000Z stdout: hi", "plain"]}),
        ),
    ),
    Case(
        "63 a result", ["activation", "result", ID], '{\n    "a": 1\n}\n',
        answers=(
            ("GET", f"activations/{ID}/result", 200,
             {"result": {"a": 1}, "success": True, "status": "success"}),
        ),
    ),
    Case(
        "64 a missing activation", ["activation", "get", "0" * 32],
        err=f"error: Unable to get activation '{'0' * 32}': The requested resource "
        "does not exist. (code tid_1)\n", code=148,
    ),
    Case(
        "67 create a package",
        ["package", "create", "pk", "--shared", "yes", "-p", "k", "1"],
        "ok: created package pk\n", answers=(("PUT", "packages/pk", 200, {}),),
    ),
    Case(
        "67 list packages", ["package", "list"],
        f"packages\n{'/guest/pk':<70} shared\n",
        answers=(
            ("GET", "packages", 200,
             [{"namespace": "guest", "name": "pk", "publish": True}]),
        ),
    ),
    Case(
        "67 shared maybe", ["package", "create", "pk", "--shared", "maybe"],
        err=P(r"Cannot use value 'maybe' for shared\."), code=1,
    ),
    Case(
        "68 bind", ["package", "bind", "/guest/pk", "b2", "-p", "k", "2"],
        "ok: created binding b2\n", answers=(("PUT", "packages/b2", 200, {}),),
    ),
    Case(
        "69 recursive", ["package", "delete", "pk", "--recursive", "-y"],
        "ok: deleted package pk\n", answers=(("DELETE", "packages/pk", 200, {}),),
        lines=["DELETE packages/pk?force=true"],
    ),
    Case(
        "70 an entity instead of a namespace", ["package", "list", "pk"],
        err="error: An entity name, 'pk', was provided instead of a namespace. Valid "
        f"namespaces are of the following format: /NAMESPACE.\n{U}", code=1,
    ),
    Case(
        "71 fire", ["trigger", "fire", "t", "-p", "name", "X"],
        f"ok: triggered /_/t with id {ID}\n",
        answers=(("POST", "triggers/t", 202, {"activationId": ID}),),
    ),
    Case(
        "71 fire without rules", ["trigger", "fire", "t"],
        "ok: triggered /_/t with id \n", answers=(("POST", "triggers/t", 204),),
    ),
    Case(
        "72 status", ["rule", "status", "r"], "ok: rule r is inactive\n",
        answers=(("GET", "rules/r", 200, {"name": "r", "status": "inactive"}),),
    ),
    Case(
        "72 list rules", ["rule", "list"],
        f"rules\n{'/guest/r':<70} private              inactive\n",
        answers=(
            ("GET", "rules", 200, [{"namespace": "guest", "name": "r"}]),
            ("GET", "rules/r", 200, {"name": "r", "status": "inactive"}),
        ),
        lines=["GET rules?limit=30&skip=0", "GET rules/r"],
    ),
    Case(
        "72 a rule that went away", ["rule", "list"], "rules\n",
        answers=(("GET", "rules", 200, [{"namespace": "guest", "name": "r"}]),),
    ),
    Case(
        "72 delete --disable", ["rule", "delete", "r", "--disable"],
        "ok: deleted rule r\n",
        answers=(("POST", "rules/r", 200, {}), ("DELETE", "rules/r", 200, {})),
        lines=["POST rules/r", "DELETE rules/r"],
    ),
    Case(
        "73 mixed parameters",
        ["trigger", "create", "t2", "-p", "a", "1", "-F", "b", "2"],
        err="error: Incorrect usage. Cannot combine --feed-param or --trigger-param "
        "flag with neither --param nor --param-file flag\n", code=149, lines=[],
    ),
    Case(
        "73 feed parameters without a feed",
        ["trigger", "create", "t2", "-F", "b", "2"],
        err="error: Incorrect usage. Trigger without a feed cannot have feed "
        "parameters\n", code=149, lines=[],
    ),
    Case(
        "76 create a route", ["api", "create", "/club", "/books", "get", "w"],
        "ok: created API /club/books GET for action /_/w\n"
        "http://gw/api/abc/club/books\n",
        answers=(
            ("GET", "actions/w", 200, WEB),
            ("POST", "/api/v1/web/whisk.system/apimgmt/createApi.http", 200,
             {"gwApiUrl": "http://gw/api/abc/club", "apidoc": {"basePath": "/club"}}),
        ),
    ),
    Case(
        "76 not a web action", ["api", "create", "/club", "/books", "get", "hello"],
        err=P(
            r"is not a web action\. Issue 'wsk action update \"/_/hello\" --web true'"
        ), code=1, answers=(("GET", "actions/hello", 200, HELLO),),
    ),
    Case(
        "76 path parameters", ["api", "create", "/club", "/b/{id}", "get", "w"],
        err=P("A response type of 'http' is required when using path parameters"),
        code=1, lines=[],
    ),
    Case(
        "76 a missing API", ["api", "delete", "/none"],
        err="error: Unable to delete API: API deletion failure: API '/none' does not "
        "exist.\n", code=1,
        answers=(
            ("DELETE", "/api/v1/web/whisk.system/apimgmt/deleteApi.http", 502,
             {"error": "API deletion failure: API '/none' does not exist."}),
        ),
    ),
    Case(
        "76 no APIs", ["api", "list"],
        f"ok: APIs\n{'Action':<30} {'Verb':>7} {'API Name':>20}  URL\n",
        answers=(
            ("GET", "/api/v1/web/whisk.system/apimgmt/getApi.http", 200, {"apis": []}),
        ),
    ),
    Case(
        "79 completion script", ["sdk", "install", "bashauto", "--stdout"],
        P(r"\A.*bash completion for wsk"),
    ),
    Case(
        "79 unknown component", ["sdk", "install", "foo"],
        err=P("Valid components are docker, ios and bashauto"), code=1,
    ),
    Case(
        "80 a list as JSON", ["action", "list", "-o", "json"], "[]\n",
        answers=(("GET", "actions", 200, []),),
    ),
    Case(
        "80 an error as JSON", ["action", "get", "nosuch", "-o", "json"],
        err=P(r'"exitCode": 148(.|\n)*"status": 404'), code=148,
    ),
    Case(
        "HTML from a proxy", ["action", "get", "x"],
        err="error: Unable to get action 'x': The connection failed, or timed out. "
        f"(HTTP status code 502)\n{U}", code=246,
        answers=(("GET", "actions/x", 502, None, b"<html>bad gateway</html>"),),
    ),
    Case(
        "JSON that ends too early", ["action", "get", "x"],
        err=P("something that is not JSON"), code=3,
        answers=(("GET", "actions/x", 200, None, b'{"name": "x'),),
    ),
    Case(
        "namespaces", ["namespace", "list"], "namespaces\nguest\n",
        answers=(("GET", "/api/v1/namespaces", 200, ["guest"]),),
    ),
    Case(
        "everything", ["list"],
        "Entities in namespace: default\npackages\nactions\n"
        f"{'/guest/hello':<70} private nodejs:20\ntriggers\nrules\n",
        answers=(
            ("GET", "actions", 200, [HELLO]), ("GET", "packages", 200, []),
            ("GET", "triggers", 200, []), ("GET", "rules", 200, []),
        ),
        lines=[
            f"GET {name}?limit=0&skip=0"
            for name in ("actions", "packages", "triggers", "rules")
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_line_does_what_the_contract_says(
    case: Case, guest: Wsk, server: RecordedServer
) -> None:
    """Scripts match on these bytes and codes."""
    for method, path, *rest in case.answers:
        status, body, raw = (*rest, None, None, None)[:3]
        server.answer(method, path, status or 200, body, raw=raw)

    ran = guest(*case.words)

    for wanted, seen in ((case.out, ran.out), (case.err, ran.err)):
        if isinstance(wanted, str):
            assert seen == wanted
        else:
            assert wanted.search(seen), seen
    assert ran.code == case.code
    if case.lines is not None:
        assert server.lines == case.lines
