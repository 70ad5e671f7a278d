"""Rows N1 to N18 of the Node.js runtime, in both modes.

N8, the `openwhisk` client package, is an image's affair: the launcher finds whatever an
image has in /node_modules.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from contract.runtimes.archives import tar_of, zip_of
from contract.runtimes.started import Answer, Started

PACKAGE = json.dumps({"name": "wskaction", "version": "1.0.0", "main": "index.js"})
HELLO = "exports.main = (args) => ({ greeting: 'hello ' + args.name })\n"
NO_ENTRY = "Zipped actions must contain either package.json or index.js at the root."


def logged(node: Started) -> str:
    return (node.stdout + node.stderr).lower()


def test_n1_a_syntax_error_is_logged(node: Started) -> None:
    answer = node.init("10 PRINT 'Hello!'\n20 GOTO 10\n")
    assert answer.status == 502
    assert answer.error.startswith("Initialization has failed due to: ")
    assert "error" in logged(node)
    assert "syntax" in logged(node)
    node.assert_sentinels(1)


def test_n2_no_code(node: Started) -> None:
    assert "no code to execute" in node.init("").error


def test_n3_a_throw_fails_the_run(node: Started) -> None:
    node.init("function main(args) { throw 'nooooo' }")
    answer = node.run()
    assert (answer.status, answer.error) == (502, "An error has occurred: nooooo")
    assert "nooooo" in node.stderr
    node.assert_sentinels(1)
    assert node.run().error == "System not ready, status is stopped."


def test_n4_an_error_object_is_an_answer(node: Started) -> None:
    node.init("function main(args) { return { error: 'sorry' } }")
    answer = node.run()
    assert (answer.status, answer.json) == (200, {"error": "sorry"})


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("function main(args) { return }", {}),
        (
            "function main(args) { return new Promise((resolve) => "
            "setTimeout(() => resolve({ done: true }), 100)) }",
            {"done": True},
        ),
        ("function main(args) { undeclared = 'x'; return { undeclared } }", None),
        ("global.main = (args) => ({ from: 'global' })", {"from": "global"}),
        ("exports.main = (args) => ({ from: 'exports' })", {"from": "exports"}),
        ("module.exports.main = (args) => ({ from: 'm' })", {"from": "m"}),
        ("module.exports = { main: () => ({ from: 'new' }) }", {"from": "new"}),
        ("const main = (args) => ({ from: 'const' }) // end", {"from": "const"}),
        ("function main({ name = 'stranger' }) { return { name } }", None),
        ("async function main(args) { return { a: await 1 } }", {"a": 1}),
    ],
)
def test_n5_n6_n15_n16_forms_of_functions(
    start: Callable[..., Started], code: str, result: dict[str, object] | None
) -> None:
    node = start("nodejs", "public")
    assert node.init(code).status == 200
    answer = node.run()
    assert answer.status == 200
    if result is not None:
        assert answer.json == result
    node.assert_sentinels(1)


def test_n7_an_unknown_module_fails_the_run(node: Started) -> None:
    assert node.init("function main(a) { require('fully-bogus') }").status == 200
    assert node.run().status == 502
    assert "error" in logged(node)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Promise.resolve({ done: true })", {"done": True}),
        ("Promise.reject({ done: true })", {"error": {"done": True}}),
        ("Promise.reject()", {"error": {}}),
        ("Promise.reject('text')", {"error": "text"}),
    ],
)
def test_n9_promises(node: Started, body: str, expected: dict[str, object]) -> None:
    node.init(f"function main(args) {{ return {body} }}")
    answer = node.run()
    assert (answer.status, answer.json) == (200, expected)


def test_n10_a_large_source(node: Started) -> None:
    code = "function main(a) { return { ok: 1 } }\n" + "// " + "x" * 500_000
    assert node.init(code).status == 200
    assert node.run().json == {"ok": 1}


OTHER = "exports.niam = (args) => ({ greeting: 'hello ' + args.name })\n"
NESTED = "exports.niam = { xyz: (args) => ({ greeting: 'hello ' + args.name }) }\n"


@pytest.mark.parametrize(
    ("members", "main"),
    [
        ({"package.json": PACKAGE, "index.js": HELLO}, "main"),
        ({"index.js": HELLO}, "main"),
        ({"package.json": PACKAGE, "index.js": OTHER}, "niam"),
        ({"index.js": HELLO, "other.js": OTHER}, "other.niam"),
        ({"index.js": HELLO, "other.js": NESTED}, "other.niam.xyz"),
        ({"index.js": NESTED}, "niam.xyz"),
        ({"other.js": OTHER}, "other.niam"),
        ({"package.json": '{"main": "lib/start.js"}', "lib/start.js": HELLO}, "main"),
    ],
)
def test_n11_archives_and_their_entries(
    start: Callable[..., Started], members: dict[str, str | bytes], main: str
) -> None:
    node = start("nodejs", "inband")
    assert node.init(zip_of(members), main=main).status == 200
    assert node.run({"name": "Ada"}).json == {"greeting": "hello Ada"}


def test_a_tar_gz_is_an_archive_too(node: Started) -> None:
    assert node.init(tar_of({"package.json": PACKAGE, "index.js": HELLO})).status == 200
    assert node.run({"name": "Ada"}).json == {"greeting": "hello Ada"}


def test_n12_an_invalid_zip_is_refused(node: Started) -> None:
    answer = node.init(b"Ceci n'est pas un zip.\n")
    assert answer.status == 502
    assert answer.error.endswith("archive refused: not a zip archive")
    assert "error" in logged(node)
    assert "uncompressing" in logged(node)
    node.assert_sentinels(1)


def test_n13_a_zip_that_is_no_action_says_what_is_missing(node: Started) -> None:
    answer = node.init(zip_of({"hello": "Hello world!"}))
    assert answer.status == 502
    assert NO_ENTRY in node.stderr


def test_n14_files_are_found_by_relative_path_and_by_dirname(node: Started) -> None:
    code = (
        "const fs = require('fs')\n"
        "const path = require('path')\n"
        "exports.main = () => ({\n"
        "  relative: fs.readFileSync('./test.txt').toString(),\n"
        "  dirname: fs.readFileSync(path.join(__dirname, 'test.txt')).toString(),\n"
        "})\n"
    )
    archive = zip_of({"package.json": PACKAGE, "index.js": code, "test.txt": "text"})
    assert node.init(archive).status == 200
    assert node.run().json == {"relative": "text", "dirname": "text"}


def test_n15_a_module_of_the_user_is_found(node: Started) -> None:
    archive = zip_of(
        {
            "package.json": PACKAGE,
            "index.js": "const a = require('abcxyz')\nexports.main = () => a()\n",
            "node_modules/abcxyz/package.json": '{"main": "lib.js"}',
            "node_modules/abcxyz/lib.js": "module.exports = () => ({ found: 1 })\n",
        }
    )
    assert node.init(archive).status == 200
    assert node.run().json == {"found": 1}


def test_n16_an_error_thrown_in_async_code_is_an_answer(node: Started) -> None:
    node.init("async function main() { throw new Error('a custom text') }")
    answer = node.run()
    assert answer.status == 200
    assert answer.error["message"] == "a custom text"
    assert node.run().status == 200


def run_at_once(node: Started, values: list[dict[str, object]]) -> list[Answer]:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda value=value: answers.append(node.run(value)))
        for value in values
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_n17_overlapping_runs_where_they_are_allowed(
    start: Callable[..., Started], mode: str
) -> None:
    node = start("nodejs", mode, __OW_ALLOW_CONCURRENT="true")
    count = 110
    node.init(
        "const waiting = []\n"
        "function main(args) {\n"
        "  console.log('interleave me', args.index)\n"
        "  return new Promise((resolve) => {\n"
        "    waiting.push(() => { console.log('done', args.index); resolve(args) })\n"
        f"    if (waiting.length === {count}) waiting.forEach((go) => go())\n"
        "  })\n}"
    )
    answers = run_at_once(node, [{"index": index} for index in range(count)])
    assert [answer.status for answer in answers] == [200] * count
    assert {answer.json["index"] for answer in answers} == set(range(count))
    assert node.stdout.count("interleave me") == count
    node.assert_sentinels(count)
    if mode == "inband":
        for answer in answers:
            first = answer.block.split("\n")[0]
            assert first.endswith(f"stdout: interleave me {answer.json['index']}")


def test_n18_overlapping_runs_are_refused_otherwise(node: Started) -> None:
    node.init(
        "function main(args) { console.log('no concurrency')\n"
        "return new Promise((resolve) => setTimeout(() => resolve({ args }), 500)) }"
    )
    answers = run_at_once(node, [{"arg": 1}, {"arg": 2}])
    assert sorted(answer.status for answer in answers) == [200, 403]
    refused = next(answer for answer in answers if answer.status == 403)
    assert refused.error == "System not ready, status is running."
    assert node.stdout == "no concurrency\n"
    internal = "Internal system error: System not ready, status is running.\n"
    assert node.stderr == internal
    node.assert_sentinels(1)


def test_a_run_before_init_is_refused(node: Started) -> None:
    answer = node.run()
    assert (answer.status, answer.error) == (403, "System not initialized.")


def test_an_argument_that_is_no_object_is_refused(node: Started) -> None:
    node.init("function main(args) { return args }")
    answer = node.run("text")
    assert answer.status == 403
    assert "must be a dictionary" in answer.error


def test_null_goes_out_as_it_came(node: Started) -> None:
    node.init("function main(args) { return null }")
    answer = node.run()
    assert (answer.status, answer.json) == (200, None)


def test_a_request_that_is_not_json_is_refused(node: Started) -> None:
    for body in (b"", b"{", b"3", b"null"):
        answer = node.post("/run", body)
        assert (answer.status, answer.error) == (500, "Bad request."), body


@pytest.mark.parametrize(
    "body",
    [
        "setTimeout(() => { throw new Error('too late') }, 20)",
        "Promise.reject(new Error('too late'))",
    ],
)
def test_an_exception_that_nobody_catches_is_the_answer(
    node: Started, body: str
) -> None:
    node.init(f"function main() {{ {body}; return new Promise(() => {{}}) }}")
    answer = node.run()
    assert answer.status == 502
    assert answer.error == "An error has occurred: Error: too late"
    assert "too late" in node.stderr
    node.assert_sentinels(1)


def test_process_exit_still_answers(node: Started) -> None:
    node.init("function main() { console.log('bye'); process.exit(3) }")
    answer = node.run()
    assert answer.status == 502
    assert "process.exit(3)" in answer.error
    assert node.stdout == "bye\n"
    assert node.process.wait(timeout=10) == 3


def test_import_of_a_module_works_in_a_source(node: Started) -> None:
    node.init("async function main() { return { sep: (await import('path')).sep } }")
    assert node.run().json == {"sep": "/"}
