"""Rows P1 to P17 of the Python runtime, in both modes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from contract.runtimes.archives import tar_of, zip_of
from contract.runtimes.started import Started

ECHO = "def main(args):\n    return args\n"
GENERATE = "The action failed to generate or locate a binary. See logs for details."
START = "Cannot start action. Check logs for details."
# What the virtualenv tool writes, in short: it moves sys.path, not the interpreter.
ACTIVATE = (
    "import os, site, sys\n"
    "base = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
    "version = 'python%d.%d' % sys.version_info[:2]\n"
    "site.addsitedir(os.path.join(base, 'lib', version, 'site-packages'))\n"
    "sys.prefix = base\n"
)


def virtualenv_of(python: str, main: str) -> bytes:
    return zip_of(
        {
            "__main__.py": main,
            "virtualenv/bin/activate_this.py": ACTIVATE,
            f"virtualenv/lib/{python}/site-packages/greeting.py": "TEXT = 'hi'\n",
        }
    )


def own_version() -> str:
    return f"python{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_p1_an_archive_with_another_entry(
    python: Started, pack: Callable[..., bytes]
) -> None:
    archive = pack({"__main__.py": "def niam(args):\n    return args\n"})
    assert python.init(archive, main="niam").status == 200
    assert python.run({"a": 1}).json == {"a": 1}


def test_p2_a_file_of_the_zip_is_read_by_its_relative_path(python: Started) -> None:
    code = (
        "import helper\n"
        "def main(args):\n"
        "    return {'text': open('data/workfile').read(), 'help': helper.VALUE}\n"
    )
    archive = zip_of(
        {"__main__.py": code, "data/workfile": "content", "helper.py": "VALUE = 7\n"}
    )
    assert python.init(archive).status == 200
    assert python.run().json == {"text": "content", "help": 7}


def test_p3_a_zip_without_main_says_so(python: Started) -> None:
    answer = python.init(zip_of({"echo.py": ECHO}))
    assert (answer.status, answer.error) == (502, GENERATE)
    assert "Zip file does not include __main__.py" in python.stderr
    python.assert_sentinels(1)


def test_p4_an_exception_is_the_answer_and_its_traceback_the_log(
    python: Started,
) -> None:
    code = "def main(args):\n    raise ValueError('no such thing')\n"
    assert python.init(code).status == 200
    answer = python.run()
    assert (answer.status, answer.json) == (200, {"error": "no such thing"})
    assert "Traceback (most recent call last)" in python.stderr
    assert "raise ValueError('no such thing')" in python.stderr, "the source's line"
    assert "launcher.py" not in python.stderr
    assert "action.py" not in python.stderr
    assert python.run().status == 200, "the container lives on"


def test_p5_a_syntax_error_is_logged(python: Started) -> None:
    answer = python.init("def main(args)\n    return args\n")
    assert (answer.status, answer.error) == (502, GENERATE)
    assert "SyntaxError" in python.stderr
    python.assert_sentinels(1)


def test_p6_an_error_object_is_an_answer(python: Started) -> None:
    python.init("def main(args):\n    return {'error': 'sorry'}\n")
    answer = python.run()
    assert (answer.status, answer.json) == (200, {"error": "sorry"})
    assert (python.stdout, python.stderr) == ("", "")


def test_p7_an_unknown_package_is_logged(python: Started) -> None:
    answer = python.init("import iamnot\n" + ECHO)
    assert (answer.status, answer.error) == (502, START)
    assert "Traceback" in python.stderr
    assert "iamnot" in python.stderr


def test_p8_the_interpreter_has_a_name(python: Started) -> None:
    code = "import sys\ndef main(args):\n    return {'path': sys.executable}\n"
    python.init(code)
    assert "python" in python.run().json["path"]


def test_p9_an_array_is_a_result(python: Started) -> None:
    python.init("def main(args):\n    return ['a', 'b']\n")
    assert python.run().json == ["a", "b"]


def test_p11_sys_exit_ends_the_action(python: Started) -> None:
    python.init("import sys\ndef main(args):\n    sys.exit(1)\n")
    answer = python.run()
    assert (answer.status, answer.error) == (400, "command exited")
    assert (python.stdout, python.stderr) == ("", "")
    python.assert_sentinels(1)
    after = python.run()
    assert (after.status, after.error) == (500, "no action defined yet")


def test_exit_without_sys_is_known_too(python: Started) -> None:
    python.init("def main(args):\n    exit(1)\n")
    assert python.run().error == "command exited"


def test_p12_sys_exit_at_import_fails_the_init(python: Started) -> None:
    answer = python.init("import sys\nsys.exit(1)\n" + ECHO)
    assert (answer.status, answer.error) == (502, START)
    assert "Command exited abruptly during initialization." in python.stderr


def test_p13_variables_of_init_are_there_at_import(python: Started) -> None:
    code = "import os\nprint(os.getenv('X'))\n" + ECHO
    assert python.init(code, env={"X": "early"}).status == 200
    python.run()
    assert python.stdout == "early\n"
    python.assert_sentinels(1)


@pytest.mark.parametrize("main", ["main", "niam"])
def test_p14_p15_a_virtualenv_brings_its_packages(python: Started, main: str) -> None:
    code = f"import greeting\ndef {main}(args):\n    return {{'text': greeting.TEXT}}\n"
    answer = python.init(virtualenv_of(own_version(), code), main=main)
    assert answer.status == 200
    assert python.run().json == {"text": "hi"}


def test_p16_a_virtualenv_without_the_entry_does_not_start(python: Started) -> None:
    answer = python.init(virtualenv_of(own_version(), ECHO), main="niam")
    assert (answer.status, answer.error) == (502, START)
    assert "defines no function 'niam'" in python.stderr


def test_p17_a_broken_virtualenv_says_so(python: Started) -> None:
    answer = python.init(zip_of({"__main__.py": ECHO, "virtualenv/readme": "x"}))
    assert answer.status == 502
    assert "Invalid virtualenv" in python.stderr
    assert "activate_this.py" in python.stderr


def test_b117_a_virtualenv_of_another_version_names_both(python: Started) -> None:
    answer = python.init(virtualenv_of("python2.7", ECHO))
    assert answer.status == 502
    assert "python2.7" in python.stderr
    assert own_version() in python.stderr


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ({"__main__.py/x": ""}, "Zip file does not include a file __main__.py"),
        ({"__main__.py": ""}, "defines no function 'main'"),
        ({"__main__.py": ECHO.encode("utf-16")}, "SyntaxError"),
    ],
)
def test_b116_a_main_that_is_none_is_explained(
    python: Started, main: dict[str, str | bytes], said: str
) -> None:
    assert python.init(zip_of(main)).status == 502
    assert said in python.stderr


def test_packages_vendored_beside_main_are_found(python: Started) -> None:
    archive = zip_of(
        {
            "__main__.py": "from vendored import go as main\n",
            "vendored/__init__.py": "from .inner import go\n",
            "vendored/inner.py": "def go(args):\n    return {'found': __name__}\n",
        }
    )
    assert python.init(archive).status == 200
    assert python.run().json == {"found": "vendored.inner"}


def test_modules_named_like_the_launcher_s_are_the_user_s(python: Started) -> None:
    names = ["action", "codec", "logs", "server", "tree", "unpack", "untar", "unzip"]
    code = f"import {', '.join(names)}\n" + (
        "def main(args):\n"
        f"    return {{'mine': [each.MINE for each in ({', '.join(names)})]}}\n"
    )
    modules = {f"{name}.py": f"MINE = '{name}'\n" for name in names}
    assert python.init(zip_of({"__main__.py": code, **modules})).status == 200
    assert python.run().json == {"mine": names}


def test_no_site_packages_leak_into_the_action(python: Started) -> None:
    code = "import pytest\n" + ECHO
    assert python.init(code).status == 502


def test_values_that_json_has_not_are_refused(python: Started) -> None:
    python.init("def main(args):\n    return {'value': eval(args['value'])}\n")
    for value in ("float('nan')", "float('inf')", "b'b'", "'\\udc80'", "object()"):
        answer = python.run({"value": value})
        assert answer.status == 502, value
        assert answer.error == "The action did not return a dictionary or array."
    python.assert_sentinels(5)


def test_none_is_no_result(python: Started) -> None:
    python.init("def main(args):\n    pass\n")
    assert python.run().status == 502


def test_json_comes_and_goes_as_the_json_package_has_it(python: Started) -> None:
    python.init(ECHO)
    value = {
        "numbers": [0, -1, 10**20, 1.5, 1e300, -0.0],
        "text": 'quotes " \\ / \b\f\n\r\t \u0000 \u2028 é 𝄞',
        "": {"empty": [[], {}, None, True, False]},
    }
    assert python.run(value).json == json.loads(json.dumps(value))


def test_a_request_that_is_not_json_is_refused(python: Started) -> None:
    python.init(ECHO)
    bodies = [b"", b"{", b"{} {}", b"[]", b"3", b'{"value": NaN}', b"\xff\xfe"]
    for body in [*bodies, b"[" * 100_000]:
        answer = python.post("/run", body)
        assert answer.status == 400, body
        assert answer.error.startswith("Error unmarshaling request: ")
    assert python.run({"a": 1}).json == {"a": 1}


def test_a_run_before_init_has_nothing_to_run(python: Started) -> None:
    answer = python.run()
    assert (answer.status, answer.error) == (500, "no action defined yet")


def test_code_runs_in_the_main_thread(python: Started) -> None:
    code = (
        "import signal, threading\n"
        "def main(args):\n"
        "    signal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "    here = threading.current_thread() is threading.main_thread()\n"
        "    return {'main': here, 'name': __name__}\n"
    )
    python.init(code)
    assert python.run().json == {"main": True, "name": "main__"}


def test_a_forked_child_that_comes_back_answers_nothing(python: Started) -> None:
    python.init("import os\ndef main(args):\n    os.fork()\n    return {'ok': True}\n")
    with python.connect() as connection:
        for _ in range(3):
            assert python.post_on(connection, "/run", {"value": {}}).json == {
                "ok": True
            }


def test_the_process_is_hidden_from_its_children(python: Started) -> None:
    get_dumpable = 3
    python.init(
        "import ctypes\n"
        "def main(args):\n"
        f"    dumpable = ctypes.CDLL(None).prctl({get_dumpable}, 0, 0, 0, 0)\n"
        "    return {'dumpable': dumpable}\n"
    )
    assert python.run().json == {"dumpable": 0}
