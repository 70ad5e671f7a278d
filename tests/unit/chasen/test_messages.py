"""Messages survive the way, and a bad one says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import ActivationId
from chasen.messages import (
    Ack,
    ActivationMessage,
    Fire,
    Invalidation,
    Ping,
    Stored,
    UndecodableMessage,
    decode_completed,
)

text = st.text(max_size=20)
ids = st.from_regex(r"[0-9a-f]{32}", fullmatch=True).map(ActivationId)


@given(
    st.builds(
        ActivationMessage,
        activation_id=ids,
        transid=text,
        action=text,
        version=text,
        revision=text,
        namespace=text,
        namespace_uuid=text,
        subject=text,
        controller=text,
        blocking=st.booleans(),
        accepted_ms=st.integers(0, 2**52),
        start_before_ms=st.integers(0, 2**52),
        cause=st.none() | ids,
        body=st.binary(max_size=100),
    )
)
def test_an_activation_survives(message: ActivationMessage) -> None:
    assert ActivationMessage.decode(message.encode()) == message


@given(
    st.builds(
        Ack,
        kind=st.sampled_from(["result", "completion", "combined"]),
        activation_id=ids,
        invoker=st.integers(0, 99),
        namespace=text,
        outcome=st.integers(0, 3),
        is_system_error=st.booleans(),
        result=st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list),
        body=st.binary(max_size=100),
    )
    | st.builds(Stored, ids=st.lists(ids, max_size=5))
)
def test_what_comes_back_survives(message: Ack | Stored) -> None:
    assert decode_completed(message.encode()) == message


def test_the_other_messages_survive() -> None:
    for message in (
        Ping(invoker=1, incarnation="a", user_memory_mb=256, fault="disk"),
        Invalidation(controller="0", names=["guest/a"]),
        Fire(
            activation_id=ActivationId("0" * 32),
            transid="t",
            trigger="guest/t",
            version="0.0.1",
            namespace="guest",
            namespace_uuid="u",
            subject="guest",
            accepted_ms=1,
            parameters={"a": [1]},
            rules=[{"rule": "guest/r", "action": "guest/a", "active": True}],
            body=b'{"b":1}',
        ),
    ):
        assert type(message).decode(message.encode()) == message


def test_members_of_a_newer_version_are_left_out() -> None:
    newer = b'{"invoker":1,"incarnation":"a","user_memory_mb":1,"mood":"fine"}\n'

    assert Ping.decode(newer).invoker == 1


@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b"{", b"{}\n", b"\xff\xff\n{}"])
def test_a_message_that_is_none_says_so(data: bytes) -> None:
    with pytest.raises(UndecodableMessage):
        Ping.decode(data)
