"""The contract of ``ActivationStore``."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from contract.stores.examples import DAY_MS, NOON_MS, an_activation

from chasen.entities import (
    LOST,
    Activation,
    ActivationId,
    ActivationResponse,
    Outcome,
    Parameters,
    derive_activation_id,
)
from chasen.errors import NoDocument
from chasen.ports.stores import ActivationStore, Page

pytestmark = pytest.mark.anyio

EVERYTHING = Page(limit=1000)


def a_placeholder(record: Activation) -> Activation:
    response = ActivationResponse.error(Outcome.WHISK_ERROR, LOST)
    return replace(record, response=response, logs=(), placeholder=True)


def starts(records: Sequence[Activation]) -> list[int]:
    return [record.start_ms - NOON_MS for record in records]


async def test_a_record_comes_back_as_it_went_in(activations: ActivationStore) -> None:
    record = an_activation(
        result='{"grün ☕ 𝄞": [1.5, null, "\\u0000", {"b": 1, "7": 2}]}'.encode(),
        logs=("2024-10-04T12:00:00.000000000Z stdout: grün ☕", "", 'a "b"\t\x00'),
        annotations=Parameters.of(
            {"path": "guest/hello", "limits": {"memory": 256}, "timeout": False}
        ),
        cause=ActivationId("f" * 32),
    )

    await activations.store([record])

    assert await activations.get("guest", record.activation_id) == record


@pytest.mark.parametrize(
    "result",
    [
        b'{"x":9007199254740993}',
        b'{"x":123456789012345678901234567890}',
        b'{"x":1.0,"y":1E2,"z":-0.0}',
        b'{ "spaced" : [ 1 , 2 ] }',
        b'{"2":1,"1":2,"_id":3,"_rev":4}',
        b"[]",
        b"null",
        b'"text"',
    ],
)
async def test_a_result_is_kept_to_the_byte(
    activations: ActivationStore, result: bytes
) -> None:
    """JavaScript's numbers are doubles; what a user answered must not change."""
    record = an_activation(result=result)

    await activations.store([record])

    (listed,) = await activations.list("guest", None, Page(), docs=True)
    assert listed.response.result == result
    read = await activations.get("guest", record.activation_id)
    assert read.response.result == result


async def test_a_record_without_end_result_and_logs(
    activations: ActivationStore,
) -> None:
    fired = an_activation(result=None, end_ms=0, duration_ms=None)

    await activations.store([fired])

    assert await activations.get("guest", fired.activation_id) == fired


async def test_large_logs_and_results_are_kept(activations: ActivationStore) -> None:
    """CouchDB takes documents of 8 MB, and logs may have 10."""
    noise = random.Random(3)
    record = an_activation(
        result=b'"%b"' % (b'\\"' * 500_000),
        logs=tuple(noise.randbytes(5000).hex() for _ in range(1000)),
    )
    other = an_activation(NOON_MS + 1)

    await activations.store([record, other])

    assert await activations.get("guest", record.activation_id) == record
    assert await activations.list("guest", None, Page(), docs=True) == [other, record]
    short = await activations.list("guest", None, Page())
    assert [each.activation_id for each in short] == [
        other.activation_id,
        record.activation_id,
    ]


async def test_unknown_records_are_not_there(activations: ActivationStore) -> None:
    known = an_activation()
    await activations.store([known])

    for namespace, identifier in (
        ("guest", an_activation().activation_id),
        ("guest", an_activation(NOON_MS + 400 * DAY_MS).activation_id),
        ("guest", ActivationId("f" * 32)),
        ("guest", ActivationId("0" * 32)),
        ("other", known.activation_id),
        ("_other", known.activation_id),
    ):
        with pytest.raises(NoDocument):
            await activations.get(namespace, identifier)


async def test_nobody_sees_the_records_of_others(activations: ActivationStore) -> None:
    mine = an_activation()
    theirs = replace(mine, namespace="guest2", name="other")
    await activations.store([mine, theirs])

    assert await activations.get("guest", mine.activation_id) == mine
    assert await activations.get("guest2", mine.activation_id) == theirs
    assert await activations.list("guest", None, Page(), docs=True) == [mine]
    assert await activations.count("guest2", None, Page()) == 1


async def test_the_first_record_of_an_id_stays(activations: ActivationStore) -> None:
    first = an_activation()
    second = replace(first, response=ActivationResponse(Outcome.DEVELOPER_ERROR))

    await activations.store([first])
    await activations.store([second])
    await activations.store([a_placeholder(first), first])

    assert await activations.get("guest", first.activation_id) == first
    assert await activations.count("guest", None, Page()) == 1


async def test_a_real_record_replaces_a_placeholder(
    activations: ActivationStore,
) -> None:
    real = an_activation(name="real", logs=("line",))
    lost = a_placeholder(replace(real, name="lost", start_ms=real.start_ms - 5))
    await activations.store([lost])
    assert await activations.get("guest", real.activation_id) == lost

    await activations.store([replace(lost, name="lost again"), an_activation()])
    assert await activations.get("guest", real.activation_id) == lost
    await activations.store([real, an_activation()])
    await activations.store([lost, replace(real, name="second")])

    assert await activations.get("guest", real.activation_id) == real
    assert await activations.count("guest", None, Page()) == 3
    assert await activations.count("guest", "real", Page()) == 1
    assert await activations.count("guest", "lost", Page()) == 0


async def test_one_batch_may_repeat_an_id(activations: ActivationStore) -> None:
    real = an_activation()
    later = replace(real, name="later")

    await activations.store([a_placeholder(real), real, later, real])

    assert await activations.get("guest", real.activation_id) == real


async def test_of_many_writers_of_one_id_one_wins(activations: ActivationStore) -> None:
    base = an_activation()
    versions = [replace(base, name=f"n{number}") for number in range(8)]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(activations.store([a_placeholder(base)]))
        for record in versions:
            tasks.create_task(activations.store([record]))

    assert await activations.get("guest", base.activation_id) in versions
    assert await activations.count("guest", None, Page()) == 1


async def test_a_bad_record_never_takes_others_with_it(
    activations: ActivationStore,
) -> None:
    """Text that is no Unicode cannot be JSON; the rest of it is kept."""
    bad = an_activation(NOON_MS + 3, logs=("fine", "broken \ud800 line"))
    good = [an_activation(NOON_MS + number) for number in range(6)]

    await activations.store([*good[:3], bad, *good[3:]])

    assert await activations.count("guest", None, Page()) == 7
    kept = await activations.get("guest", bad.activation_id)
    assert kept.response == bad.response
    assert kept.logs == ("fine", "broken ? line")


async def test_nothing_is_stored_without_complaint(
    activations: ActivationStore,
) -> None:
    await activations.store([])

    assert await activations.known([]) == frozenset()


async def test_known_names_the_ids_that_have_a_record(
    activations: ActivationStore,
) -> None:
    today, yesterday, never = (
        an_activation(),
        a_placeholder(an_activation(NOON_MS - DAY_MS)),
        an_activation(NOON_MS - 7 * DAY_MS),
    )
    await activations.store([today, yesterday])

    known = await activations.known(
        [
            ("guest", today.activation_id),
            ("guest", yesterday.activation_id),
            ("guest", never.activation_id),
            ("other", today.activation_id),
        ]
    )

    assert known == {today.activation_id, yesterday.activation_id}


async def test_the_newest_comes_first_over_many_days(
    activations: ActivationStore,
) -> None:
    days = 12
    records = [
        an_activation(NOON_MS - number * DAY_MS // 2) for number in range(2 * days)
    ]
    random.Random(5).shuffle(records)
    await activations.store(records)

    found = await activations.list("guest", None, EVERYTHING)

    assert starts(found) == [-number * DAY_MS // 2 for number in range(2 * days)]
    for page in (Page(limit=3), Page(skip=5, limit=7), Page(skip=20, limit=100)):
        some = await activations.list("guest", None, page)
        assert starts(some) == starts(found)[page.skip : page.skip + page.limit]
    assert await activations.list("guest", None, Page(limit=0)) == []
    assert await activations.count("guest", None, Page(skip=3, limit=1)) == 2 * days


async def test_a_late_start_is_in_order_although_its_id_is_old(
    activations: ActivationStore,
) -> None:
    """A step of a composition has its parent's time in its id."""
    parent = an_activation(NOON_MS + DAY_MS // 2 - 1000, name="parent")
    step = an_activation(NOON_MS + DAY_MS // 2 + 1000, name="step")
    step = replace(
        step, activation_id=derive_activation_id(parent.activation_id, "step", "1")
    )
    newer = [an_activation(NOON_MS + DAY_MS // 2 + n) for n in (500, 1500)]
    await activations.store([parent, step, *newer])

    found = await activations.list("guest", None, Page(limit=2))

    assert starts(found) == [DAY_MS // 2 + 1500, DAY_MS // 2 + 1000]
    since = Page(since_ms=NOON_MS + DAY_MS // 2 + 1000)
    assert await activations.list("guest", None, since) == found
    assert await activations.count("guest", None, since) == 2


async def test_equal_starts_have_an_order(activations: ActivationStore) -> None:
    records = [an_activation(NOON_MS) for _ in range(9)]
    await activations.store(records)

    pages = [
        await activations.list("guest", None, Page(skip=skip, limit=4))
        for skip in (0, 4, 8)
    ]

    found = [record.activation_id for page in pages for record in page]
    assert found == sorted((r.activation_id for r in records), reverse=True)


async def test_bounds_are_inclusive(activations: ActivationStore) -> None:
    await activations.store([an_activation(NOON_MS + n) for n in range(5)])
    bounds = Page(since_ms=NOON_MS + 1, upto_ms=NOON_MS + 3)

    assert starts(await activations.list("guest", None, bounds)) == [3, 2, 1]
    assert await activations.count("guest", None, bounds) == 3
    since = replace(bounds, upto_ms=None)
    assert starts(await activations.list("guest", None, since)) == [4, 3, 2, 1]
    upto = replace(bounds, since_ms=None)
    assert starts(await activations.list("guest", None, upto)) == [3, 2, 1, 0]
    assert await activations.count("guest", None, Page(since_ms=NOON_MS + 9)) == 0
    far = Page(upto_ms=NOON_MS - 30 * DAY_MS)
    assert await activations.list("guest", None, far) == []


async def test_names_filter_by_path_and_binding(activations: ActivationStore) -> None:
    def ran(name: str, offset_ms: int, **annotations: str) -> Activation:
        return an_activation(
            NOON_MS + offset_ms, name=name, annotations=Parameters.of(annotations)
        )

    await activations.store(
        [
            ran("hello", 1, path="guest/hello"),
            ran("hello", 2, path="guest/package/hello"),
            ran("hello", 3, path="other/shared/hello", binding="guest/bound"),
            ran("fired", 4),
            ran("hello", 5),
        ]
    )

    async def found(name: str | None) -> list[int]:
        rows = await activations.list("guest", name, Page())
        count = await activations.count("guest", name, Page(limit=1))
        assert count == len(rows)
        return starts(rows)

    assert await found(None) == [5, 4, 3, 2, 1]
    assert await found("hello") == [5, 1]
    assert await found("package/hello") == [2]
    assert await found("bound/hello") == [3]
    assert await found("shared/hello") == []
    assert await found("fired") == [4]
    assert await found("unheard of") == []
    bounded = Page(since_ms=NOON_MS + 2)
    assert starts(await activations.list("guest", "hello", bounded)) == [5]


async def test_a_summary_has_all_but_logs_and_result(
    activations: ActivationStore,
) -> None:
    record = an_activation(
        logs=("line",),
        cause=ActivationId("1" * 32),
        annotations=Parameters.of({"path": "guest/hello", "kind": "python:3.11"}),
    )
    await activations.store([record])

    (row,) = await activations.list("guest", None, Page())

    assert replace(row, logs=record.logs, response=record.response) == record
    assert row.response.outcome == record.response.outcome
    assert row.response.size == record.response.size


async def test_a_list_with_docs_is_complete(activations: ActivationStore) -> None:
    records = [
        an_activation(NOON_MS - n * DAY_MS // 3, logs=(f"line {n}",)) for n in range(6)
    ]
    await activations.store(records)

    assert await activations.list("guest", None, Page(), docs=True) == records


async def test_what_is_old_expires_and_the_rest_stays(
    activations: ActivationStore,
) -> None:
    records = [an_activation(NOON_MS - n * DAY_MS) for n in range(5)]
    await activations.store(records)
    midnight_ms = NOON_MS - DAY_MS // 2

    assert await activations.expire(midnight_ms - 2 * DAY_MS) == 2
    assert await activations.expire(midnight_ms - 2 * DAY_MS) == 0

    assert await activations.list("guest", None, Page(), docs=True) == records[:3]
    with pytest.raises(NoDocument):
        await activations.get("guest", records[4].activation_id)
    assert await activations.known([("guest", records[3].activation_id)]) == set()
    await activations.store([records[4]])
    assert await activations.get("guest", records[4].activation_id) == records[4]


async def test_many_records_in_one_go(activations: ActivationStore) -> None:
    records = [an_activation(NOON_MS + n) for n in range(250)]

    await activations.store(records)

    assert await activations.count("guest", None, Page()) == 250
    found = await activations.list("guest", None, EVERYTHING, docs=True)
    assert found == list(reversed(records))


async def test_an_unstored_record_is_passed_over(activations: ActivationStore) -> None:
    """A namespace without records has none, whoever writes them."""
    kept, hidden = an_activation(NOON_MS), an_activation(NOON_MS + 1, unstored=True)
    forgotten = a_placeholder(an_activation(NOON_MS + 2))

    await activations.store([hidden, forgotten, kept])
    await activations.store([hidden, replace(forgotten, unstored=True)])

    found = await activations.list("guest", None, EVERYTHING)
    assert starts(found) == [2, 0]
    with pytest.raises(NoDocument):
        await activations.get("guest", hidden.activation_id)
