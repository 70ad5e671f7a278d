"""The shape of acks: what is written by hand must be what the message class writes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chasen.entities import (
    Activation,
    ActivationId,
    ActivationResponse,
    Outcome,
    encode_activation,
)
from chasen.messages import Ack, AckKind, decode_completed
from invoker.acks import encode_ack, result_span


def a_record(**changes: object) -> Activation:
    values = {
        "activation_id": ActivationId("a" * 32),
        "namespace": "guest",
        "name": "hello",
        "version": "0.0.1",
        "subject": "guest",
        "start_ms": 1,
        "response": ActivationResponse(Outcome.SUCCESS, b'{"a":1}', 7),
    }
    return Activation(**(values | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", list(AckKind))
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("with_body", [True, False])
def test_the_ack_written_by_hand_is_the_ack(
    kind: AckKind, outcome: Outcome, with_body: bool
) -> None:
    response = ActivationResponse.error(outcome, 'why "not"')
    record = a_record(response=response, namespace='gu"est\n')
    body = encode_activation(record) if with_body else b""

    ack = decode_completed(encode_ack(kind, 3, record, body))

    assert ack == Ack(
        kind=kind,
        activation_id=record.activation_id,
        invoker=3,
        namespace=record.namespace,
        outcome=int(outcome),
        is_system_error=outcome is Outcome.WHISK_ERROR,
        result=result_span(record, body) if with_body else None,
        body=body,
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, st.text(), st.text())
def test_the_span_is_where_the_result_lies(
    value: object, name: str, subject: str
) -> None:
    """Names cannot mislead it, whatever they hold."""
    text = orjson.dumps(value)
    record = a_record(
        response=ActivationResponse(Outcome.SUCCESS, text, len(text)),
        name=name + '"result":',
        subject=subject + '\\"result":{',
    )
    encoded = encode_activation(record)

    span = result_span(record, encoded)

    assert span is not None
    assert encoded[span[0] : span[1]] == text
