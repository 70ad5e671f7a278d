"""Rows B1 to B11 that OpenWhisk asks of every runtime, for both, in both modes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from contract.runtimes.started import Started

PYTHON = {
    "echo": "def main(args):\n    return args\n",
    "other entry": "def niam(args):\n    return args\n",
    "not an object": "def main(args):\n    return 'no object'\n",
    "print": (
        "import sys\n"
        "def main(args):\n"
        "    print('hello stdout')\n"
        "    print('hello stderr', file=sys.stderr)\n"
        "    return args\n"
    ),
    "unicode": (
        "def main(args):\n"
        "    delimiter = args['delimiter']\n"
        "    text = delimiter + ' ☃ ' + delimiter\n"
        "    print(text)\n"
        "    return {'winter': text}\n"
    ),
    "environment": (
        "import os\n"
        "def main(args):\n"
        "    return {name: os.environ.get(name) for name in args['names']}\n"
    ),
}
NODE = {
    "echo": "function main(args) { return args }",
    "other entry": "function niam(args) { return args }",
    "not an object": "function main(args) { return 'no object' }",
    "print": (
        "function main(args) {\n"
        "  console.log('hello stdout')\n"
        "  console.error('hello stderr')\n"
        "  return args\n}"
    ),
    "unicode": (
        "function main(args) {\n"
        "  const text = args.delimiter + ' ☃ ' + args.delimiter\n"
        "  console.log(text)\n"
        "  return { winter: text }\n}"
    ),
    "environment": (
        "function main(args) {\n"
        "  const found = args.names.map((name) => [name, process.env[name] ?? null])\n"
        "  return Object.fromEntries(found)\n}"
    ),
}
PROGRAMS = {"python": PYTHON, "nodejs": NODE}
SECOND_INIT = "Cannot initialize the action more than once."


@pytest.fixture(params=["python", "nodejs"])
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def runtime(start: Callable[..., Started], family: str, mode: str) -> Started:
    return start(family, mode)


@pytest.fixture
def program(family: str) -> dict[str, str]:
    return PROGRAMS[family]


def test_b1_empty_code_is_refused(runtime: Started) -> None:
    assert runtime.init("", main="").status == 403


def test_b2_an_init_without_a_value_is_refused(runtime: Started) -> None:
    answer = runtime.post("/init", {})
    assert answer.status == 403
    assert answer.error == "Missing main/no code to execute."


def test_code_may_still_come_after_an_init_that_brought_none(
    runtime: Started, program: dict[str, str]
) -> None:
    runtime.post("/init", {})
    assert runtime.init(program["echo"]).status == 200
    assert runtime.run({"a": 1}).json == {"a": 1}


def test_b3_a_result_that_is_no_object_is_refused(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init(program["not an object"]).status == 200
    answer = runtime.post("/run", {})
    assert answer.status == 502
    assert answer.error == "The action did not return a dictionary or array."
    assert (runtime.stdout, runtime.stderr) == ("", "")
    runtime.assert_sentinels(1)


def test_b4_a_second_init_is_refused(runtime: Started, program: dict[str, str]) -> None:
    assert runtime.init(program["echo"]).status == 200
    answer = runtime.init(program["echo"])
    assert answer.status == 403
    assert answer.error == SECOND_INIT
    if runtime.mode == "public":
        assert SECOND_INIT in runtime.stdout + runtime.stderr
    runtime.assert_sentinels(0)
    runtime.run()
    assert SECOND_INIT in runtime.stdout + runtime.stderr


def test_a_second_init_is_refused_after_a_failed_first(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init("this is no program (").status == 502
    answer = runtime.init(program["echo"])
    assert (answer.status, answer.error) == (403, SECOND_INIT)
    assert runtime.run({"a": 1}).status >= 400


def test_b5_another_entry_point_is_called(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init(program["other entry"], main="niam").status == 200
    answer = runtime.run({"string": "hello"})
    assert (answer.status, answer.json) == (200, {"string": "hello"})
    assert (runtime.stdout, runtime.stderr) == ("", "")
    runtime.assert_sentinels(1)


def test_b6_what_is_printed_is_collected_run_by_run(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init(program["print"]).status == 200
    values = [
        {"string": "hello"},
        {"string": "❄ ☃ ❄"},
        {"numbers": [42, 1]},
        {"object": {"a": "A"}},
    ]
    for value in values:
        answer = runtime.run(value)
        assert (answer.status, answer.json) == (200, value)
    assert runtime.stdout == "hello stdout\n" * 4
    assert runtime.stderr == "hello stderr\n" * 4
    runtime.assert_sentinels(4)


def test_b7_unicode_goes_through_source_arguments_result_and_log(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init(program["unicode"]).status == 200
    assert runtime.run({"delimiter": "❄"}).json == {"winter": "❄ ☃ ❄"}
    assert runtime.stdout == "❄ ☃ ❄\n"
    runtime.assert_sentinels(1)


def test_b8_variables_of_init_are_there_and_empty_ones_too(
    runtime: Started, program: dict[str, str]
) -> None:
    env = {"SOME_VAR": "xyz", "ANOTHER_VAR": "", "A_LIST": [1, "b"], "NOTHING": None}
    assert runtime.init(program["environment"], env=env).status == 200
    names = list(env)
    expected = {**env, "A_LIST": '[1,"b"]', "NOTHING": ""}
    assert runtime.run({"names": names}).json == expected


def test_b9_the_activation_s_context_is_in_the_environment(
    start: Callable[..., Started], family: str, mode: str, program: dict[str, str]
) -> None:
    runtime = start(family, mode, __OW_API_HOST="xyz")
    assert runtime.init(program["environment"]).status == 200
    context = {
        "api_key": "abc",
        "namespace": "zzz",
        "action_name": "xxx",
        "action_version": "0.0.1",
        "activation_id": "iii",
        "deadline": "123",
    }
    wanted = {f"__OW_{key.upper()}": value for key, value in context.items()}
    wanted["__OW_API_HOST"] = "xyz"
    assert runtime.run({"names": list(wanted)}, **context).json == wanted


def test_what_an_earlier_run_brought_does_not_linger(
    start: Callable[..., Started], family: str, mode: str, program: dict[str, str]
) -> None:
    runtime = start(family, mode, __OW_API_HOST="xyz")
    runtime.init(program["environment"])
    names = {"names": ["__OW_API_KEY", "__OW_API_HOST", "__OW_NEW_ONE", "__OW_NUMBER"]}
    first = runtime.run(names, api_key="a", api_host="other", new_one="1", number=7)
    assert list(first.json.values()) == ["a", "other", "1", "7"]
    assert list(runtime.run(names, new_one="2").json.values()) == [
        None,
        "xyz",
        "2",
        None,
    ]


def test_the_launcher_s_own_settings_are_hidden_from_user_code(
    runtime: Started, program: dict[str, str]
) -> None:
    runtime.init(program["environment"])
    names = ["CHASEN_ACTION_DIR", "CHASEN_SOCKET", "CHASEN_LOGS", "CHASEN_PORT"]
    assert set(runtime.run({"names": names}).json.values()) == {None}


def test_b10_a_large_argument_is_echoed(
    runtime: Started, program: dict[str, str]
) -> None:
    assert runtime.init(program["echo"]).status == 200
    value = {"arg": "a" * 1_048_561}
    assert runtime.run(value).json == value


def test_a_value_that_is_missing_or_null_is_an_empty_object(
    runtime: Started, program: dict[str, str]
) -> None:
    runtime.init(program["echo"])
    assert runtime.post("/run", {"namespace": "guest"}).json == {}
    assert runtime.post("/run", {"value": None}).json == {}


def test_arrays_go_both_ways(runtime: Started, program: dict[str, str]) -> None:
    runtime.init(program["echo"])
    assert runtime.run(["a", {"b": 1}]).json == ["a", {"b": 1}]


def test_a_result_that_is_not_json_is_refused(runtime: Started, family: str) -> None:
    circular = {
        "python": "def main(args):\n    a = {}\n    a['a'] = a\n    return a\n",
        "nodejs": "function main(args) { const a = {}; a.a = a; return a }",
    }
    assert runtime.init(circular[family]).status == 200
    answer = runtime.run()
    assert answer.status == 502
    assert answer.error == "The action did not return a dictionary or array."
    assert "The result is not JSON" in runtime.stderr
    assert runtime.run().status == 502, "the container lives on"
