"""Any command line against any answer ends in a sentence and a code."""

import json
import random
from typing import Any

import pytest
from unit.wsk.conftest import Wsk
from unit.wsk.recorded import Answer, RecordedServer

from wsk import catalog
from wsk.grammar import Command, Group

# these wait, start programs, or are interactive
LEFT_OUT_COMMANDS = {"poll", "tail", "logs", "dev", "deploy"}
LEFT_OUT_FLAGS = {"wait", "local", "repeat", "http-timeout", "concurrency"}
OPERANDS = ["x", "p/x", "/ns/x", "hello.py", "", "/a", "name", "get", "-", "GET", "a,b"]
VALUES = ["x", "1", "true", "hello.py", "k=v", "a:b", "3d"]
EXTRA = [[], ["-o", "json"], ["-o", "yaml"], ["-o", "name"], ["-v"], ["-p", "a", "1"]]
ENTITY = {
    "name": "x", "namespace": "guest", "annotations": [{"key": "feed", "value": "f"}],
    "parameters": [{"key": "a", "value": 1}], "limits": {}, "start": 1, "end": 2,
    "exec": {"kind": "nodejs:20", "code": "x", "binary": False}, "logs": ["a"],
    "response": {"result": {}, "success": True, "status": "success"},
    "activationId": "0" * 32,
}  # fmt: skip
BODIES: list[Any] = [
    None, [], {}, "x", 1, [1], [{}], [{"name": 1}], {"exec": 1}, {"response": []},
    {"logs": []}, {"apis": []}, {"error": "e", "code": "t"}, *[ENTITY] * 6,
]  # fmt: skip


def commands(path: list[str]) -> list[tuple[list[str], Command]]:
    node = catalog.walk(path)
    if isinstance(node, Group):
        return [
            leaf for child in node.children for leaf in commands([*path, child.name])
        ]
    assert node is not None
    return [] if path[-1] in LEFT_OUT_COMMANDS else [(path, node)]


def a_command_line(chance: random.Random) -> list[str]:
    tree = [leaf for name, _, _ in catalog.GROUPS for leaf in commands([name])]
    path, command = chance.choice(tree)
    words = list(path)
    count = chance.choice([command.least, min(command.most, 4)])
    words += [chance.choice(OPERANDS) for _ in range(count)]
    for flag in chance.sample(command.flags, min(len(command.flags), 2)):
        if flag.name in LEFT_OUT_FLAGS:
            continue
        words.append(f"--{flag.name}")
        tokens = {"bool": 0, "pair": 2}.get(flag.kind, 1)
        words += [chance.choice(VALUES) for _ in range(tokens)]
    return words + chance.choice(EXTRA)


@pytest.mark.parametrize("seed", range(10))
def test_no_command_line_and_no_answer_lead_to_a_crash(
    guest: Wsk, server: RecordedServer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B093; the original crashes with exit code 0."""
    import io

    chance = random.Random(seed)
    for _ in range(40):
        words = a_command_line(chance)
        status = chance.choice([200, 200, 202, 404, 500, 502])
        body = chance.choice(BODIES)
        server.fallback = Answer(status, body)
        stdin = io.TextIOWrapper(io.BytesIO(b"u:k\n"))
        monkeypatch.setattr("sys.stdin", stdin)

        ran = guest(*words)

        shown = (words, status, json.dumps(body), ran)
        assert isinstance(ran.code, int), shown
        assert "internal error" not in ran.err, shown
        assert ran.code == 0 or ran.out + ran.err, shown
