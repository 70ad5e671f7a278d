"""One limit for all buses, and the estimate behind it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chasen.bus.kafka_topics import MAX_MESSAGE_BYTES
from chasen.bus.size import MESSAGE_LIMIT_BYTES, message_size, too_large


@given(
    body=st.binary(max_size=300),
    headers=st.dictionaries(st.text(max_size=40), st.binary(max_size=300), max_size=8),
)
def test_the_estimate_is_never_below_what_kafka_writes(
    body: bytes, headers: dict[str, bytes]
) -> None:
    from aiokafka.record.default_records import DefaultRecordBatchBuilder

    written = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=1,
        producer_epoch=1,
        base_sequence=0,
        batch_size=1 << 20,
    )
    written.append(0, timestamp=1, key=None, value=body, headers=list(headers.items()))

    assert message_size(body, headers) >= len(written.build())


def test_the_limit_holds_a_payload_of_a_mebibyte_and_fits_a_topic() -> None:
    assert 1024 * 1024 + 64 * 1024 < MESSAGE_LIMIT_BYTES < MAX_MESSAGE_BYTES


def test_the_sentence_names_both_sizes() -> None:
    assert "3000000 > " + str(MESSAGE_LIMIT_BYTES) in str(too_large(3_000_000))
