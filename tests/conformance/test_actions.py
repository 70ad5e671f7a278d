"""Appendix A, "Action create, read, update, delete": cases 66 to 110."""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import pytest
from fixtures.house import House, User
from fixtures.old_kinds import OLD_KIND, store_old_action
from fixtures.rest import (
    ECHO,
    NOT_THERE,
    WRONG_COLLECTION,
    as_dict,
    done,
    names,
    pairs,
    put,
    put_package,
    put_sequence,
    refused,
    the_exec,
    theirs,
)

MIB = 1024 * 1024
LIMITS = {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1}
NO_LONGER = (
    f"The '{OLD_KIND}' runtime is no longer supported. You may read and delete but not "
    "update or invoke this action."
)
IN_BINDING = "Operation not permitted on package binding."


def annotations_of(user: User, name: str = "a") -> dict[str, Any]:
    return as_dict(done(user.client.get(f"actions/{name}"))["annotations"])


def parameters_of(user: User, name: str = "a") -> dict[str, Any]:
    return as_dict(done(user.client.get(f"actions/{name}"))["parameters"])


def test_case_066_a_created_action_has_defaults(user: User) -> None:
    code = "function main(args) { return args }"

    stored = put(user, "actions/a", exec=the_exec(code, "nodejs:default"))

    assert (stored["version"], stored["publish"]) == ("0.0.1", False)
    assert re.fullmatch(r"nodejs:\d+", stored["exec"]["kind"])
    assert stored["exec"]["code"] == code
    assert stored["limits"] == LIMITS
    assert stored["parameters"] == []
    assert done(user.client.get("actions/a")) == stored


def test_case_067_and_annotations_of_the_system(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec())

    assert as_dict(stored["annotations"]) == {
        "provide-api-key": False,
        "exec": stored["exec"]["kind"],
    }


def test_case_068_a_client_may_ask_for_the_key(user: User) -> None:
    wish = pairs({"provide-api-key": True})

    stored = put(user, "actions/a", exec=the_exec(), annotations=wish)

    assert as_dict(stored["annotations"])["provide-api-key"] is True


def test_case_069_a_client_does_not_say_the_kind(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec(), annotations=pairs({"exec": "foo"}))

    assert as_dict(stored["annotations"])["exec"] == stored["exec"]["kind"]


def test_case_070_create_does_not_overwrite(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec())
    body = {"exec": the_exec("other")}

    error = refused(user.client.put("actions/a", json=body), 409)

    assert error == "resource already exists"
    assert done(user.client.get("actions/a")) == stored


def test_case_071_overwrite_bumps_the_version(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    assert put(user, "actions/a", overwrite=True)["version"] == "0.0.2"


def test_case_072_a_given_version_is_taken(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    given = put(user, "actions/a", overwrite=True, version="1.2.3")

    assert given["version"] == "1.2.3"
    assert put(user, "actions/a", overwrite=True)["version"] == "1.2.4"


@pytest.mark.parametrize("version", ["0.0.0", "-1.0.0", "x", "1.2.3.4", 1])
def test_case_073_a_version_is_three_numbers(user: User, version: object) -> None:
    body = {"exec": the_exec(), "version": version}

    refused(user.client.put("actions/a", json=body), 400, "semantic version malformed")


def test_case_074_create_needs_exec(user: User) -> None:
    assert refused(user.client.put("actions/new", json={}), 400) == "exec undefined"


@pytest.mark.parametrize(
    ("executable", "text"),
    [
        pytest.param(
            {"kind": "foobar", "code": ""},
            "The specified runtime 'foobar' is not supported by this platform. "
            "Valid values are: '",
            id="case_075",
        ),
        pytest.param(
            {"code": ""}, "'kind' must be a string defined in 'exec'", id="case_076"
        ),
        pytest.param(
            {"kind": "nodejs:default"},
            "'code' must be a string or attachment object defined in 'exec'",
            id="case_077",
        ),
        pytest.param({"kind": "blackbox"}, "'image' must be a string", id="case_079"),
    ],
)
def test_case_075_case_076_case_077_case_079_exec_is_checked(
    user: User, executable: dict[str, Any], text: str
) -> None:
    error = refused(user.client.put("actions/a", json={"exec": executable}), 400, text)

    assert error.startswith("The request content was malformed:\n")


def test_case_078_some_kinds_need_main(old_house: House) -> None:
    body = {"exec": {"kind": OLD_KIND, "code": "x"}}

    refused(
        old_house.user().client.put("actions/a", json=body),
        400,
        f"'main' must be a string defined in 'exec' for '{OLD_KIND}' actions",
    )


def test_case_080_an_empty_update_bumps_the_version(user: User) -> None:
    before = put(user, "actions/a", exec=the_exec())

    after = put(user, "actions/a", overwrite=True)

    assert after["exec"] == before["exec"]
    assert after["version"] == "0.0.2"


def test_case_081_annotations_are_merged(user: User) -> None:
    put(user, "actions/a", exec=the_exec(), annotations=pairs({"x": 1}))

    put(user, "actions/a", overwrite=True, annotations=pairs({"y": 2}))

    found = annotations_of(user)
    assert (found["x"], found["y"]) == (1, 2)
    assert {"exec", "provide-api-key"} <= found.keys()


def test_case_082_and_deleted_by_name(user: User) -> None:
    put(user, "actions/a", exec=the_exec(), annotations=pairs({"x": 1, "y": 2}))

    put(user, "actions/a", overwrite=True, delAnnotations=["x", "unknown"])

    found = annotations_of(user)
    assert "x" not in found
    assert {"y", "exec", "provide-api-key"} <= found.keys()
    put(
        user,
        "actions/a",
        overwrite=True,
        delAnnotations=["y"],
        annotations=pairs({"y": 3}),
    )
    assert annotations_of(user)["y"] == 3


def test_case_083_parameters_are_replaced(user: User) -> None:
    put(user, "actions/a", exec=the_exec(), parameters=pairs({"p": 1, "q": 2}))

    put(user, "actions/a", overwrite=True, parameters=pairs({"r": 3}))

    assert parameters_of(user) == {"r": 3}


def test_case_084_or_kept_or_cleared(user: User) -> None:
    put(user, "actions/a", exec=the_exec(), parameters=pairs({"p": 1}))

    put(user, "actions/a", overwrite=True)
    kept = parameters_of(user)
    put(user, "actions/a", overwrite=True, parameters=[])

    assert kept == {"p": 1}
    assert parameters_of(user) == {}


def test_case_085_limits_are_merged(user: User) -> None:
    put(user, "actions/a", exec=the_exec(), limits={"timeout": 1000})

    changed = put(user, "actions/a", overwrite=True, limits={"memory": 512})

    assert changed["limits"] == LIMITS | {"timeout": 1000, "memory": 512}


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        pytest.param(
            {"memory": 513},
            "memory size 513 MB exceeds allowed threshold of 512 MB",
            id="case_086",
        ),
        pytest.param(
            {"memory": 127},
            "memory size 127 MB below allowed threshold of 128 MB",
            id="case_087",
        ),
        pytest.param(
            {"timeout": 300001},
            "duration 300001 milliseconds exceeds allowed threshold of "
            "300000 milliseconds",
            id="case_088",
        ),
        pytest.param(
            {"timeout": 99},
            "duration 99 milliseconds below allowed threshold of 100 milliseconds",
            id="case_089",
        ),
        pytest.param(
            {"logs": 11},
            "log size 11 MB exceeds allowed threshold of 10 MB",
            id="case_090",
        ),
        pytest.param(
            {"concurrency": 0},
            "concurrency 0 below allowed threshold of 1",
            id="case_091",
        ),
    ],
)
def test_case_086_case_087_case_088_case_089_case_090_case_091_limits_have_bounds(
    user: User, limits: dict[str, int], text: str
) -> None:
    body = {"exec": the_exec(), "limits": limits}

    error = refused(user.client.put("actions/a", json=body), 400)

    assert error == f"requirement failed: {text}"


def test_case_090_no_logs_at_all_is_fine(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec(), limits={"logs": 0})

    assert stored["limits"]["logs"] == 0


def test_case_092_instances_are_bound_by_concurrency(house: House) -> None:
    user = house.user(concurrentInvocations=30)
    body = {"exec": the_exec(), "limits": {"instances": 31}}

    assert refused(user.client.put("actions/a", json=body), 400) == (
        "Max action instance concurrency must not exceed your namespace concurrency "
        "of 30."
    )
    stored = put(user, "actions/a", exec=the_exec(), limits={"instances": 30})
    assert stored["limits"]["instances"] == 30


def test_case_093_limits_are_whole_numbers(user: User) -> None:
    body = {"exec": the_exec(), "limits": {"timeout": 60000.5}}

    refused(user.client.put("actions/a", json=body), 400, "must be whole number")


@pytest.mark.parametrize("given", [{"a": 1}, [{"value": 1}], [{"key": "a"}], "x"])
def test_case_094_parameters_are_a_list(user: User, given: object) -> None:
    body = {"exec": the_exec(), "parameters": given}

    refused(user.client.put("actions/a", json=body), 400, "parameters malformed!")


def test_case_095_binary_is_what_looks_like_base64(user: User) -> None:
    for code, binary in (
        (base64.b64encode(b"any bytes").decode(), True),
        ("function main(a) { return a }", False),
        ("", False),
        ("word", True),
    ):
        executable = the_exec(code, "nodejs:default") | {"binary": not binary}
        stored = put(user, "actions/a", overwrite=True, exec=executable)
        assert stored["exec"]["binary"] is binary


def test_case_096_code_can_be_left_out(user: User) -> None:
    put(user, "actions/a", exec=the_exec())

    bare = done(user.client.get("actions/a?code=false"))["exec"]

    assert "code" not in bare
    assert bare["binary"] is False
    assert done(user.client.get("actions/a"))["exec"]["code"] == ECHO


def test_case_097_delete(user: User) -> None:
    stored = put(user, "actions/a", exec=the_exec())

    assert done(user.client.delete("actions/a")) == stored
    assert refused(user.client.delete("actions/a"), 404) == NOT_THERE
    assert refused(user.client.get("actions/a"), 404) == NOT_THERE


def test_case_098_updated_is_the_servers_word(user: User) -> None:
    before_ms = time.time() * 1000

    stored = put(user, "actions/a", exec=the_exec(), updated=1)

    assert abs(stored["updated"] - before_ms) < 60_000
    assert done(user.client.get("actions/a"))["updated"] == stored["updated"]


def test_case_099_code_of_48_mib_and_one_byte(user: User) -> None:
    body = {"exec": the_exec("x" * (48 * MIB + 1))}

    error = refused(user.client.put("actions/a", json=body), 413)

    assert error == "exec larger than allowed: 50331649 > 50331648 bytes."


@pytest.mark.parametrize(
    "what",
    [
        pytest.param("parameters", id="case_100"),
        pytest.param("annotations", id="case_101"),
    ],
)
def test_case_100_case_101_parameters_and_annotations_of_more_than_a_mib(
    user: User, what: str
) -> None:
    body = {"exec": the_exec(), what: pairs({"p": "x" * MIB})}

    refused(
        user.client.put("actions/a", json=body),
        413,
        f"{what} larger than allowed: {MIB + 3} > 1048576 bytes.",
    )


def test_case_102_a_package_has_to_be_there(user: User) -> None:
    refused(user.client.put("actions/nopkg/a", json={"exec": the_exec()}), 404)


def test_case_103_a_binding_holds_nothing(user: User) -> None:
    put_package(user, "p")
    put_package(user, "b", binding="p")
    body = {"exec": the_exec()}

    assert refused(user.client.put("actions/b/a", json=body), 400) == IN_BINDING
    done(user.client.delete("packages/p"))
    assert refused(user.client.put("actions/b/a", json=body), 400) == IN_BINDING
    assert refused(user.client.delete("actions/b/a"), 400) == IN_BINDING


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
def test_case_104_others_may_not(house: House, user: User, method: str) -> None:
    put(user, "actions/a", exec=the_exec())
    bob = house.user()

    for name in ("a", "missing"):
        answer = bob.client.request(
            method, theirs(user, f"actions/{name}"), json={"exec": the_exec()}
        )
        refused(answer, 403, f"not authorized to access '{user.namespace}/{name}'")


def test_case_105_a_package_is_no_action_but_has_some(user: User) -> None:
    put_package(user, "pkg")
    put(user, "actions/pkg/a", exec=the_exec())
    put(user, "actions/outside", exec=the_exec())

    refused(user.client.get("actions/pkg"), 409, WRONG_COLLECTION)
    (row,) = done(user.client.get("actions/pkg/"))
    assert (row["namespace"], row["name"]) == (f"{user.namespace}/pkg", "a")
    assert done(user.client.get("actions/pkg/?count=true")) == {"actions": 1}
    refused(user.client.delete("actions/pkg/"), 404)
    refused(user.client.put("actions/pkg/", json={"exec": the_exec()}), 404)


def test_case_106_a_packaged_action_shows_its_packages_parameters(user: User) -> None:
    put_package(user, "pkg", parameters=pairs({"x": "package", "y": "package"}))
    put(user, "actions/pkg/a", exec=the_exec(), parameters=pairs({"y": "action"}))

    assert parameters_of(user, "pkg/a") == {"x": "package", "y": "action"}


def test_case_107_through_a_binding(house: House, user: User) -> None:
    put_package(user, "pkg", publish=True, parameters=pairs({"x": "p", "y": "p"}))
    put(user, "actions/pkg/a", exec=the_exec(), parameters=pairs({"z": "a"}))
    bob = house.user()
    put_package(bob, "b", of=user, binding="pkg", parameters=pairs({"y": "b"}))

    found = done(bob.client.get("actions/b/a"))

    assert found["namespace"] == f"{user.namespace}/pkg"
    assert as_dict(found["parameters"]) == {"x": "p", "y": "b", "z": "a"}
    assert "binding" not in found
    bare = done(bob.client.get("actions/b/a?code=false"))
    assert bare["binding"] == f"{bob.namespace}/b"
    (row,) = done(bob.client.get("actions/b/"))
    assert row["namespace"] == f"{user.namespace}/pkg"


def test_case_108_a_namespace_may_be_bound_to_kinds(house: House) -> None:
    user = house.user()
    house.admin("limits", "set", user.namespace, "--allowedKinds", "nodejs:20")
    kind = put(house.user(), "actions/a", exec=the_exec())["exec"]["kind"]

    error = refused(user.client.put("actions/a", json={"exec": the_exec()}), 403)

    assert error == (
        "The supplied authentication is not authorized to access actions of kind "
        f"'{kind}'."
    )
    put(user, "actions/b", exec=the_exec("function main() {}", "nodejs:20"))


def test_case_109_old_kinds_can_be_read_and_deleted(old_house: House) -> None:
    user = old_house.user()
    store_old_action(user, "old")

    assert done(user.client.get("actions/old"))["exec"]["kind"] == OLD_KIND
    assert names(user.client.get("actions")) == ["old"]
    for body in ({}, {"exec": {"kind": OLD_KIND, "code": "x", "main": "Main"}}):
        answer = user.client.put("actions/old?overwrite=true", json=body)
        assert refused(answer, 400) == NO_LONGER
    assert done(user.client.delete("actions/old"))["name"] == "old"


def test_case_110_what_was_a_sequence_has_no_parameters(user: User) -> None:
    put(user, "actions/a", exec=the_exec())
    put_sequence(user, "s", "/_/a")

    changed = put(user, "actions/s", overwrite=True, exec=the_exec())

    assert changed["parameters"] == []
    assert as_dict(changed["annotations"])["exec"] == changed["exec"]["kind"]
