"""What ``db get`` shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from contract.stores.examples import (
    a_namespace,
    a_package,
    a_rule,
    a_subject,
    a_trigger,
    an_action,
    an_activation,
)

from chasen.entities import UserLimits
from chasen.errors import BadInput
from chasen.ports.stores import Stores
from chasen.stores.open import open_stores
from controller.administration import contents
from controller.administration.contents import Contents

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stores(anyio_backend: str) -> AsyncIterator[Stores]:
    async with open_stores("memory:") as opened:
        await opened.auth.put_subject(a_subject("guest-1", a_namespace("guest")))
        await opened.auth.put_subject(
            a_subject("villain", a_namespace("cave"), blocked=True)
        )
        await opened.auth.put_subject(a_subject("quiet"))
        await opened.auth.put_limits("quiet", UserLimits(invocations_per_minute=0))
        yield opened


async def all_rows(stores: Stores, *words: Any, **flags: Any) -> list[dict[str, Any]]:
    return [row async for row in Contents(stores).rows(*words, **flags)]


async def test_subjects_are_shown_as_stored_with_their_keys_sealed(
    stores: Stores,
) -> None:
    rows = await all_rows(stores, "subjects", docs=True)

    assert [row["id"] for row in rows] == ["guest-1", "quiet", "villain"]
    (namespace,) = rows[0]["doc"]["namespaces"]
    assert namespace["sealedKey"] == "sealed guest"
    assert set(namespace) == {"name", "uuid", "keyHash", "sealedKey"}
    assert "doc" not in (await all_rows(stores, "subjects"))[0]


async def test_views_tell_identities_and_who_is_shut_out(stores: Stores) -> None:
    identities = await all_rows(stores, "subjects", "subjects.v2.0.0/identities")
    blocked = await all_rows(
        stores, "subjects", "namespaceThrottlings/blockedNamespaces"
    )

    assert [row["key"] for row in identities] == [["guest"], ["quiet"]]
    assert identities[1]["value"]["_id"] == "quiet/limits"
    assert [row["key"] for row in blocked] == ["quiet", "cave"]


async def test_entities_and_records_of_all_namespaces_are_walked_through(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "PAGE", 2)
    for name in ("a", "b", "c", "p/d", "/quiet/e"):
        await stores.entities.put(an_action(name))
    for entity in (a_package("p"), a_trigger("t"), a_rule("r")):
        await stores.entities.put(entity)
    records = [an_activation() for _ in range(5)]
    await stores.activations.store(records)

    whisks = await all_rows(stores, "whisks", docs=True)
    actions = await all_rows(stores, "whisks", "whisks.v2.1.0/actions")
    activations = await all_rows(stores, "activations", docs=True)

    names = {f"guest/{each}" for each in ("a", "b", "c", "p/d", "p", "t", "r")}
    assert {row["id"] for row in whisks} == names | {"quiet/e"}
    assert len(whisks) == 8
    assert all(row["doc"]["_id"] == row["id"] for row in whisks)
    assert len(actions) == 5
    assert actions[-1]["key"] == ["quiet", 0]
    assert {row["doc"]["_id"] for row in activations} == {
        f"guest/{each.activation_id}" for each in records
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nonsense",), "database must be one of subjects, whisks, activations"),
        (("subjects", "x"), "should be design/view"),
        (("subjects", "whisks.v2.1.0/actions"), "views of subjects: "),
    ],
)
async def test_what_there_is_not_is_refused(
    stores: Stores, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        await all_rows(stores, *words)
