"""What a FIFO queue's records have beside those of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.twin import events
from shared.ports.queue import Received

AT = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_fifo_record_has_a_sequence_number_and_the_queues_whole_name() -> None:
    messages = [Received(str(n), "receipt", "{}", 1, AT + timedelta(microseconds=n), "group") for n in range(2)]
    one, two = events.sqs("mint", messages)["Records"]
    numbers = [record["attributes"]["SequenceNumber"] for record in (one, two)]
    assert numbers == sorted(set(numbers))
    assert all(len(number) == 20 and number.isdigit() for number in numbers)
    assert one["eventSourceARN"].endswith(":mint.fifo")


def test_a_standard_record_has_neither() -> None:
    (record,) = events.sqs("plan", [Received("1", "receipt", "{}", 1, AT)])["Records"]
    assert "SequenceNumber" not in record["attributes"]
    assert record["eventSourceARN"].endswith(":plan")
