"""Every source file has a test: of its name, or one that uses it, or one named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("chasen", "controller", "invoker", "standalone")

# What only a running house shows.  Pattern of source files -> the test that shows it.
ELSEWHERE = {
    "chasen/entities/e*.py": "unit/chasen/stores/test_documents.py",
    "chasen/entities/identity.py": "contract/stores/test_auth_store.py",
    "chasen/errors.py": "end_to_end/test_refusals.py",
    "chasen/faults.py": "contract/invoker/test_crash_points.py",
    "chasen/jsontext.py": "end_to_end/test_refusals.py",
    "chasen/metrics.py": "architecture/test_docs.py",
    "chasen/ports/*.py": "contract",
    "chasen/bus/kafka*.py": "contract/bus/test_message_bus.py",
    "chasen/bus/memory.py": "contract/bus/test_message_bus.py",
    "chasen/stores/couchdb*.py": "contract/stores/test_entity_store.py",
    "chasen/stores/memory.py": "contract/stores/test_entity_store.py",
    "chasen/stores/revisions.py": "contract/stores/test_entity_store.py",
    "chasen/stores/sqlite*.py": "contract/stores/test_entity_store.py",
    "chasen/stores/subjects.py": "contract/stores/test_auth_store.py",
    "chasen/stores/views.py": "contract/stores/test_entity_store.py",
    "controller/administration/*.py": "end_to_end/test_admin.py",
    "controller/api/*.py": "end_to_end",
    "controller/app.py": "end_to_end",
    "controller/catalog/*.py": "end_to_end",
    "controller/entitlement/*.py": "end_to_end/test_refusals.py",
    "controller/invocation/composite.py": "end_to_end",
    "controller/invocation/fire.py": "end_to_end/test_triggers_and_rules.py",
    "controller/invocation/invoke.py": "end_to_end/test_actions.py",
    "controller/invocation/outgoing.py": "end_to_end",
    "controller/invocation/primaries.py": "end_to_end",
    "controller/invocation/recorder.py": "end_to_end",
    "controller/loadbalancer/balancer.py": "end_to_end/test_actions.py",
    "controller/loadbalancer/rescue.py": "end_to_end/test_kills.py",
    "controller/loadbalancer/topics.py": "end_to_end/test_actions.py",
    "controller/ports.py": "unit/controller",
    "controller/services.py": "end_to_end",
    "invoker/action_proxy.py": "contract/invoker/test_container_replies.py",
    "invoker/app.py": "contract/invoker/test_invoker.py",
    "invoker/codes.py": "contract/invoker/test_invoker.py",
    "invoker/containers/docker*.py": "contract/containers/test_docker.py",
    "invoker/containers/process/*.py": "contract/containers/test_process.py",
    "invoker/ping.py": "contract/invoker/test_invoker.py",
    "invoker/pool/books.py": "unit/invoker/test_pool.py",
    "invoker/pool/execute.py": "contract/invoker/test_invoker.py",
    "invoker/reactive.py": "contract/invoker/test_invoker.py",
    "invoker/replies.py": "contract/invoker/test_container_replies.py",
    "invoker/settlement.py": "contract/invoker/test_crash_points.py",
    "standalone/*.py": "end_to_end",
}


def sources() -> Iterator[str]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name != "__init__.py":
                yield path.relative_to(ROOT).as_posix()


def used_by_tests() -> set[str]:
    """Answer the modules that some test imports, as file names."""
    used: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module, *(f"{node.module}.{n.name}" for n in node.names)}
            elif isinstance(node, ast.Import):
                used |= {name.name for name in node.names}
    return {name.replace(".", "/") + ".py" for name in used}


def test_every_source_file_has_its_test() -> None:
    used = used_by_tests()
    named = {path.name for path in (ROOT / "tests").rglob("test_*.py")}

    forgotten = [
        source
        for source in sources()
        if source not in used
        and f"test_{Path(source).name}" not in named
        and not any(fnmatch(source, pattern) for pattern in ELSEWHERE)
    ]

    assert forgotten == []


def test_the_exceptions_are_true() -> None:
    known = list(sources())

    for pattern, test in ELSEWHERE.items():
        assert any(fnmatch(source, pattern) for source in known), pattern
        assert (ROOT / "tests" / test).exists(), test
