"""What the CouchDB adapter makes of cut connections, errors and odd documents."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import quote, unquote, urlsplit

import pytest
from contract.stores.examples import (
    KEY,
    NOON_MS,
    a_namespace,
    a_subject,
    a_trigger,
    an_action,
    an_activation,
    fqn,
)
from contract.stores.faulty_proxy import FaultyProxy, once, times
from fixtures.couchdb import ask

from chasen.entities import Action, EntityPath, Trigger, code_digest
from chasen.errors import (
    CorruptDocument,
    DocumentConflict,
    DocumentExists,
    NoDocument,
    StoreUnavailable,
)
from chasen.ports.stores import Page, Stores
from chasen.stores.open import open_stores
from chasen.stores.records import UNSTORABLE, day_of

pytestmark = [pytest.mark.anyio, pytest.mark.couchdb]


@pytest.fixture
async def proxy(anyio_backend: str, couchdb_address: str) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(couchdb_address).running() as running:
        yield running


@pytest.fixture
async def stores(proxy: FaultyProxy) -> AsyncIterator[Stores]:
    async with open_stores(proxy.address) as opened:
        yield opened


def path_of(address: str, database: str, document: str = "") -> str:
    prefix = urlsplit(address).path.strip("/")
    return f"/{prefix}-{database}/{quote(document, safe='')}"


async def test_a_write_whose_answer_got_lost_is_no_conflict(
    stores: Stores, proxy: FaultyProxy
) -> None:
    """It was carried out: repeated, it meets itself."""
    proxy.spoil = once("cut-after", "POST", "-entities")
    created = await stores.entities.put(an_action("hello"))

    proxy.spoil = once("cut-after", "POST", "-entities")
    updated = await stores.entities.put(replace(created, updated_ms=5))

    assert await stores.entities.get(Action, fqn("hello")) == updated
    proxy.spoil = once("cut-after", "POST", "-entities")
    await stores.entities.delete(updated)
    with pytest.raises(NoDocument):
        await stores.entities.get(Action, fqn("hello"))


async def test_a_repeated_write_still_meets_others(
    stores: Stores, proxy: FaultyProxy
) -> None:
    first = await stores.entities.put(an_action("hello"))
    await stores.entities.put(replace(first, updated_ms=7))

    proxy.spoil = once("cut-after", "POST", "-entities")
    with pytest.raises(DocumentConflict):
        await stores.entities.put(replace(first, updated_ms=8))
    proxy.spoil = once("cut-before", "POST", "-entities")
    with pytest.raises(DocumentExists):
        await stores.entities.put(an_action("hello", updated_ms=9))


async def test_records_and_subjects_survive_lost_answers(
    stores: Stores, proxy: FaultyProxy
) -> None:
    record = an_activation()
    proxy.spoil = once("cut-after", "_bulk_docs")
    await stores.activations.store([record])
    assert await stores.activations.get("guest", record.activation_id) == record

    namespace = a_namespace("guest")
    lost: set[str] = set()

    def lose_each_first_answer(line: str, body: bytes) -> str | None:
        if not line.endswith("-subjects"):
            return None
        kind = body.partition(b"/")[0].decode()  # subject, namespace, uuid
        is_first = kind not in lost
        lost.add(kind)
        return "cut-after" if is_first else None

    proxy.spoil = lose_each_first_answer
    stored = await stores.auth.put_subject(a_subject("guest", namespace))
    assert len(lost) == 3
    assert await stores.auth.subject("guest") == stored
    assert await stores.auth.identity_by_key(namespace.uuid, KEY)
    lost.clear()
    await stores.auth.delete_subject(stored)
    assert lost
    with pytest.raises(NoDocument):
        await stores.auth.identity_by_namespace("guest")


@pytest.mark.parametrize("fault", ["500", "503", "cut-before"])
async def test_a_passing_fault_is_not_noticed(
    stores: Stores, proxy: FaultyProxy, fault: str
) -> None:
    proxy.spoil = times(2, fault, "-entities")

    await stores.entities.put(an_action("hello"))

    assert await stores.entities.count(Action, EntityPath("guest")) == 1


@pytest.mark.parametrize("fault", ["500", "503", "302", "html", "cut-before", "401"])
async def test_a_lasting_fault_is_unavailable_and_soon(
    stores: Stores, proxy: FaultyProxy, fault: str
) -> None:
    proxy.spoil = lambda line, body: fault
    for ask_store in (
        lambda: stores.entities.get(Action, fqn("hello")),
        lambda: stores.entities.put(an_action("hello")),
        lambda: stores.entities.list(Action, EntityPath("guest"), Page()),
        lambda: stores.activations.store([an_activation()]),
        lambda: stores.activations.list("guest", None, Page()),
        lambda: stores.auth.identity_by_namespace("guest"),
    ):
        start_s = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await ask_store()
        assert time.monotonic() - start_s < 3

    proxy.spoil = lambda line, body: None
    await stores.entities.put(an_action("hello"))


async def test_a_record_too_large_for_the_server_is_kept_without_its_content(
    stores: Stores, proxy: FaultyProxy
) -> None:
    """CouchDB refuses the whole batch with 413 for one document's sake."""
    records = [an_activation(NOON_MS + number) for number in range(9)]
    records[4] = replace(
        records[4], response=replace(records[4].response, result=b'"x!"')
    )
    proxy.spoil = lambda line, body: (
        "413" if "_bulk_docs" in line and b"x!" in body else None
    )

    await stores.activations.store(records)

    assert await stores.activations.count("guest", None, Page()) == 9
    kept = await stores.activations.get("guest", records[4].activation_id)
    assert kept.response.outcome == records[4].response.outcome
    assert UNSTORABLE.encode() in (kept.response.result or b"")
    for record in (*records[:4], *records[5:]):
        assert await stores.activations.get("guest", record.activation_id) == record


async def test_a_record_refused_in_any_shape_is_an_error_after_the_others(
    stores: Stores, couchdb_address: str
) -> None:
    records = [
        an_activation(NOON_MS + n, name="bad" if n == 2 else "good") for n in range(5)
    ]
    await stores.activations.store([an_activation(NOON_MS + 9)])
    day = f"activations-{day_of(records[0].activation_id)}"
    code = "function (doc) { if (doc.name === 'bad') { throw {forbidden: 'no'}; } }"
    ask(
        couchdb_address,
        "PUT",
        path_of(couchdb_address, day) + "_design/refuse",
        {"_id": "_design/refuse", "validate_doc_update": code},
    )

    with pytest.raises(CorruptDocument, match=records[2].activation_id):
        await stores.activations.store(records)

    assert await stores.activations.count("guest", "good", Page()) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"version": 7},
        {"exec": {"kind": "python:3.11"}},
        {"entityType": "unheard-of"},
        {"name": "other"},
        {"parameters": {"a": 1}},
        {"updated": "yesterday"},
        {"limits": None},
    ],
)
async def test_a_corrupt_document_hides_no_other(
    stores: Stores, couchdb_address: str, change: dict[str, object]
) -> None:
    await stores.entities.put(an_action("bad"))
    await stores.entities.put(an_action("good"))
    path = path_of(couchdb_address, "entities", "guest/bad")
    document = ask(couchdb_address, "GET", path)
    assert isinstance(document, dict)
    ask(couchdb_address, "PUT", path, document | change)

    with pytest.raises(CorruptDocument):
        await stores.entities.get(Action, fqn("bad"))
    listed = await stores.entities.list(Action, EntityPath("guest"), Page())
    assert [each.fqn.name for each in listed] == ["good"]


async def test_a_changed_view_is_repaired_at_the_next_start(
    stores: Stores, couchdb_address: str
) -> None:
    await stores.entities.put(a_trigger("t"))
    path = path_of(couchdb_address, "entities") + "_design/entities.v2"
    design = ask(couchdb_address, "GET", path)
    assert isinstance(design, dict)
    design["views"] = {"list": {"map": "function (doc) {}", "reduce": "_count"}}
    ask(couchdb_address, "PUT", path, design)
    assert await stores.entities.list(Trigger, EntityPath("guest"), Page()) == []

    async with open_stores(couchdb_address) as again:
        found = await again.entities.list(Trigger, EntityPath("guest"), Page())

    assert len(found) == 1


async def test_damaged_code_is_not_handed_out_and_can_be_stored_again(
    stores: Stores, couchdb_address: str
) -> None:
    digest = await stores.code.put("print(1)")
    path = path_of(couchdb_address, "code", digest)
    stored = ask(couchdb_address, "GET", path)
    assert isinstance(stored, dict)

    data = {"code": {"content_type": "text/plain", "data": "cHJpbnQoMik="}}
    stored |= ask(couchdb_address, "PUT", path, stored | {"_attachments": data})  # type: ignore[operator]
    with pytest.raises(CorruptDocument):
        await stores.code.get(digest)

    bare = {"_id": digest, "_rev": stored["rev"]}
    ask(couchdb_address, "PUT", path, bare)
    with pytest.raises(CorruptDocument):
        await stores.code.get(digest)

    assert await stores.code.put("print(1)") == digest == code_digest("print(1)")
    assert await stores.code.get(digest) == "print(1)"


async def test_who_loses_a_race_for_one_name_gives_back_the_other(
    stores: Stores, proxy: FaultyProxy
) -> None:
    namespace = a_namespace("wanted")
    proxy.spoil = lambda line, body: "409" if b'"_id":"uuid/' in body else None
    with pytest.raises(DocumentExists):
        await stores.auth.put_subject(a_subject("loser", namespace))
    proxy.spoil = lambda line, body: None

    await stores.auth.put_subject(a_subject("winner", namespace))

    assert (await stores.auth.identity_by_namespace("wanted")).subject == "winner"


@pytest.mark.parametrize(("age_ms", "is_free"), [(1000, False), (3_600_000, True)])
async def test_a_claim_of_a_dead_writer_is_free_after_a_while(
    stores: Stores, couchdb_address: str, age_ms: int, is_free: bool
) -> None:
    """Young, it may belong to somebody whose subject is about to be written."""
    claim = {
        "entityType": "namespace",
        "subject": "died-before",
        "namespace": "guest",
        "since": time.time_ns() // 1_000_000 - age_ms,
    }
    path = path_of(couchdb_address, "subjects", "namespace/guest")
    ask(couchdb_address, "PUT", path, claim)
    with pytest.raises(NoDocument):
        await stores.auth.identity_by_namespace("guest")

    if is_free:
        await stores.auth.put_subject(a_subject("guest"))
        assert (await stores.auth.identity_by_namespace("guest")).subject == "guest"
    else:
        with pytest.raises(DocumentExists):
            await stores.auth.put_subject(a_subject("guest"))
        mine = a_subject("died-before", a_namespace("guest"))
        await stores.auth.put_subject(mine)
        identity = await stores.auth.identity_by_namespace("guest")
        assert identity.subject == "died-before"


async def test_a_wrong_password_is_told_at_once_and_never_shown(
    couchdb_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(
        StoreUnavailable, match="refuses our user or password"
    ) as raised:
        async with open_stores(couchdb_address, password="hunter2 secret"):
            pass

    shown = [str(raised.value), repr(raised.value), caplog.text]
    cause = raised.value.__cause__
    while cause:
        shown += [str(cause), repr(cause)]
        cause = cause.__cause__ or cause.__context__
    assert all("hunter2" not in text for text in shown)


async def test_the_password_may_come_apart_from_the_address(
    couchdb_address: str,
) -> None:
    parts = urlsplit(couchdb_address)
    bare = f"couchdb://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
    async with open_stores(bare, password=unquote(parts.password or "")) as stores:
        namespace = a_namespace("guest")
        await stores.auth.put_subject(a_subject("guest", namespace))
        await stores.auth.identity_by_key(namespace.uuid, KEY)
