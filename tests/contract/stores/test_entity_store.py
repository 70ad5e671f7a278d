"""The contract of ``EntityStore``."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from contract.stores.examples import a_package, a_rule, a_trigger, an_action, fqn

from chasen.entities import (
    Action,
    ActionLimits,
    BlackBoxExec,
    EntityPath,
    Package,
    Parameter,
    Parameters,
    ReducedRule,
    Rule,
    SemVer,
    SequenceExec,
    Status,
    Trigger,
)
from chasen.errors import (
    ChasenError,
    DocumentConflict,
    DocumentExists,
    NoDocument,
    WrongCollection,
)
from chasen.ports.stores import EntityStore, Page

pytestmark = pytest.mark.anyio

GUEST = EntityPath("guest")


async def names(store: EntityStore, path: EntityPath, page: Page) -> list[str]:
    return [each.fqn.name for each in await store.list(Action, path, page)]


async def test_an_action_comes_back_as_it_went_in(entities: EntityStore) -> None:
    parameters = Parameters(
        (
            Parameter("_id", {"nested": [1, None, 2.5, "grün ☕ 𝄞"], "7": "b", "a": 1}),
            Parameter("entityType", "mine", init=True),
            Parameter("text", 'a "quoted" line\n\x00\x7f'),
        )
    )
    hello = an_action(
        "package/hello @ & - .x",
        version=SemVer(1, 2, 3),
        publish=True,
        annotations=Parameters.of({"exec": "python:3.11", "_rev": "1-x"}),
        updated_ms=1_700_000_000_123,
        parameters=parameters,
        limits=ActionLimits(1000, 128, 1, 1, 3),
    )

    stored = await entities.put(hello)

    assert stored == replace(hello, revision=stored.revision)
    assert await entities.get(Action, hello.fqn) == stored


async def test_a_blackbox_comes_back_as_it_went_in(entities: EntityStore) -> None:
    for name, executable in {
        "bare": BlackBoxExec("me/image"),
        "full": BlackBoxExec("registry:5000/me/image:1", "e" * 64, 7, True, "main"),
    }.items():
        stored = await entities.put(an_action(name, exec=executable))
        assert (await entities.get(Action, fqn(name))).exec == executable
        assert stored.exec == executable


async def test_a_sequence_comes_back_as_it_went_in(entities: EntityStore) -> None:
    parts = SequenceExec((fqn("a"), fqn("/other/package/b"), fqn("a")))

    stored = await entities.put(an_action("package/s", exec=parts))

    assert (await entities.get(Action, stored.fqn)).exec == parts


async def test_a_package_comes_back_as_it_went_in(entities: EntityStore) -> None:
    locked = Parameter("token", "1.c2VhbGVk", init=True, encryption="aes-256")
    package = a_package(
        "tools",
        publish=True,
        parameters=Parameters((locked, Parameter("n", 1))),
        updated_ms=7,
    )

    stored = await entities.put(package)

    assert stored == replace(package, revision=stored.revision)
    assert await entities.get(Package, package.fqn) == stored


async def test_a_binding_comes_back_as_it_went_in(entities: EntityStore) -> None:
    stored = await entities.put(a_package("mine", binding=fqn("/other/tools")))

    assert await entities.get(Package, fqn("mine")) == stored
    assert stored.binding == fqn("/other/tools")


async def test_strangers_see_shared_packages_only(entities: EntityStore) -> None:
    """Filtered by the store, so that a page of a list is full and counts are right."""
    for number, (name, members) in enumerate(
        {
            "private": {},
            "shared": {"publish": True},
            "bound": {"publish": True, "binding": fqn("shared")},
            "also-shared": {"publish": True},
        }.items()
    ):
        await entities.put(a_package(name, updated_ms=100 + number, **members))
    await entities.put(a_package("/other/theirs", publish=True))
    await entities.put(an_action("an-action", publish=True))

    async def shown(page: Page, **choice: bool) -> list[str]:
        found = await entities.list(Package, GUEST, page, **choice)
        return [each.fqn.name for each in found]

    everything = ["also-shared", "bound", "shared", "private"]
    assert await shown(Page()) == everything
    assert await shown(Page(), shared=True) == ["also-shared", "shared"]
    assert await shown(Page(skip=1, limit=1), shared=True) == ["shared"]
    assert await entities.count(Package, GUEST) == 4
    assert await entities.count(Package, GUEST, shared=True) == 2


async def test_a_trigger_keeps_its_rules_apart_from_none(entities: EntityStore) -> None:
    rules = {
        "guest/on": ReducedRule(fqn("package/a"), Status.ACTIVE),
        "_off": ReducedRule(replace(fqn("a"), qualifier="7"), Status.INACTIVE),
    }
    for name, held in {"none": None, "empty": {}, "two": rules}.items():
        await entities.put(a_trigger(name, rules=held, parameters=Parameters.of({})))
        assert (await entities.get(Trigger, fqn(name))).rules == held


async def test_a_rule_comes_back_as_it_went_in(entities: EntityStore) -> None:
    stored = await entities.put(a_rule("r", updated_ms=5))

    assert await entities.get(Rule, fqn("r")) == stored
    assert stored.action == fqn("package/a")


@pytest.mark.parametrize("namespace", ["_under", "a b@c.d&e-f", "x" * 256, "Ns"])
async def test_any_legal_namespace_can_hold_entities(
    entities: EntityStore, namespace: str
) -> None:
    stored = await entities.put(an_action(f"/{namespace}/p 1/hello"))

    assert await entities.get(Action, stored.fqn) == stored
    assert await entities.list(Action, EntityPath(namespace), Page()) == [stored]


async def test_what_was_never_written_is_not_there(entities: EntityStore) -> None:
    with pytest.raises(NoDocument):
        await entities.get(Action, fqn("nothing"))
    with pytest.raises(NoDocument):
        await entities.delete(an_action("nothing", revision="1-abcdef"))
    assert await entities.list(Action, GUEST, Page()) == []
    assert await entities.count(Action, GUEST) == 0


async def test_each_write_has_a_revision_of_its_own(entities: EntityStore) -> None:
    first = await entities.put(an_action("hello"))
    second = await entities.put(replace(first, version=SemVer(0, 0, 2)))

    assert len({None, first.revision, second.revision}) == 3
    assert (await entities.get(Action, first.fqn)).version == SemVer(0, 0, 2)


async def test_an_old_revision_is_refused(entities: EntityStore) -> None:
    first = await entities.put(an_action("hello"))
    second = await entities.put(first)

    for stale in (
        first,
        replace(first, revision="1-ffff"),
        replace(first, revision="x"),
    ):
        with pytest.raises(DocumentConflict):
            await entities.put(stale)
        with pytest.raises(DocumentConflict):
            await entities.delete(stale)

    assert await entities.get(Action, first.fqn) == second


async def test_a_revision_of_nothing_is_a_conflict(entities: EntityStore) -> None:
    with pytest.raises(DocumentConflict):
        await entities.put(an_action("hello", revision="1-abcdef"))


async def test_creating_over_something_is_refused(entities: EntityStore) -> None:
    await entities.put(an_action("hello"))

    with pytest.raises(DocumentExists):
        await entities.put(an_action("hello"))
    with pytest.raises(WrongCollection):
        await entities.put(a_trigger("hello"))


async def test_all_kinds_share_one_key_space(entities: EntityStore) -> None:
    await entities.put(a_trigger("x"))

    for kind in (Action, Rule, Package):
        with pytest.raises(WrongCollection):
            await entities.get(kind, fqn("x"))
        assert await entities.list(kind, GUEST, Page()) == []
    assert len(await entities.list(Trigger, GUEST, Page())) == 1


async def test_a_deleted_action_is_gone_everywhere(entities: EntityStore) -> None:
    """Views lag in some stores; they must hide that."""
    hello = await entities.put(an_action("hello"))

    await entities.delete(hello)

    with pytest.raises(NoDocument):
        await entities.get(Action, hello.fqn)
    with pytest.raises(NoDocument):
        await entities.delete(hello)
    assert await entities.list(Action, GUEST, Page()) == []
    assert await entities.count(Action, GUEST) == 0


async def test_deleted_and_recreated_is_something_new(entities: EntityStore) -> None:
    old = await entities.put(an_action("hello"))
    await entities.delete(old)
    with pytest.raises(DocumentConflict):
        await entities.put(old)

    new = await entities.put(a_trigger("hello"))

    assert new.revision != old.revision
    with pytest.raises(ChasenError):
        await entities.put(old)
    with pytest.raises(DocumentConflict):
        await entities.delete(old)
    assert await entities.get(Trigger, fqn("hello")) == new


async def test_of_many_creators_one_wins(entities: EntityStore) -> None:
    won: list[Action] = []
    refused: list[ChasenError] = []

    async def create(number: int) -> None:
        try:
            won.append(await entities.put(an_action("hello", updated_ms=number)))
        except DocumentExists as error:
            refused.append(error)

    async with asyncio.TaskGroup() as tasks:
        for number in range(12):
            tasks.create_task(create(number))

    assert len(won) == 1
    assert len(refused) == 11
    assert await entities.get(Action, fqn("hello")) == won[0]


async def test_of_two_writers_one_wins(entities: EntityStore) -> None:
    first = await entities.put(an_action("hello"))
    refused = 0

    async def write(number: int) -> None:
        nonlocal refused
        try:
            await entities.put(replace(first, updated_ms=number))
        except DocumentConflict:
            refused += 1

    async with asyncio.TaskGroup() as tasks:
        for number in (1, 2):
            tasks.create_task(write(number))

    assert refused == 1


async def test_no_increment_is_lost(entities: EntityStore) -> None:
    """Read, change, write, again on a conflict: what every user of a revision does."""
    await entities.put(an_action("counter", updated_ms=0))

    async def increment() -> None:
        while True:
            read = await entities.get(Action, fqn("counter"))
            try:
                await entities.put(replace(read, updated_ms=read.updated_ms + 1))
                return
            except DocumentConflict:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(increment())

    assert (await entities.get(Action, fqn("counter"))).updated_ms == 8


async def test_the_newest_comes_first_and_ties_by_name(entities: EntityStore) -> None:
    for name, updated_ms in {
        "b": 1_700_000_000_002,
        "old": 1_700_000_000_001,
        "new": 1_700_000_000_003,
        "B": 1_700_000_000_002,
        "a": 1_700_000_000_002,
        "_c": 1_700_000_000_002,
        "a1": 1_700_000_000_002,
        "ancient": 0,
    }.items():
        await entities.put(an_action(name, updated_ms=updated_ms))

    found = await names(entities, GUEST, Page())

    assert found == ["new", "B", "_c", "a", "a1", "b", "old", "ancient"]


async def test_pages_cover_the_list_without_gaps(entities: EntityStore) -> None:
    for number in range(7):
        await entities.put(an_action(f"a{number}", updated_ms=100 + number // 2))
    whole = await names(entities, GUEST, Page())

    pages = [await names(entities, GUEST, Page(skip=s, limit=3)) for s in (0, 3, 6, 9)]

    assert [name for page in pages for name in page] == whole
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert await names(entities, GUEST, Page(limit=0)) == []


async def test_a_list_keeps_to_its_bounds(entities: EntityStore) -> None:
    for number in range(5):
        await entities.put(an_action(f"a{number}", updated_ms=100 + number))

    bounded = await names(entities, GUEST, Page(since_ms=101, upto_ms=103))

    assert bounded == ["a3", "a2", "a1"]


async def test_a_namespace_lists_its_packages_too(entities: EntityStore) -> None:
    await entities.put(an_action("plain", updated_ms=1))
    await entities.put(an_action("package/packaged", updated_ms=2))
    await entities.put(an_action("package2/other", updated_ms=3))
    await entities.put(an_action("/guest2/foreign"))
    package = EntityPath("guest", "package")

    assert await names(entities, GUEST, Page()) == ["other", "packaged", "plain"]
    assert await names(entities, package, Page()) == ["packaged"]
    assert await entities.count(Action, GUEST) == 3
    assert await entities.count(Action, package) == 1
    assert await entities.count(Trigger, GUEST) == 0
    assert await entities.count(Action, EntityPath("nobody")) == 0
