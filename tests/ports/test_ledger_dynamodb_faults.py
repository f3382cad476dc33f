"""What DynamoDB may answer, and what becomes of it. No network: the answers stand in DynamoDB's place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from shared.clock import utc_now
from shared.errors import Conflict, Defect, Invalid, MonoprintError, TooLarge, Transient
from shared.ports.aws import client
from shared.ports.ledger import Change, Count, Delete, Key, Ledger, Put
from shared.ports.ledger import dynamodb as adapter
from shared.ports.ledger.dynamodb import TURNS, DynamoLedger
from tests.ports.moto_fixture import REGION

URL = f"dynamodb://monoprint?region={REGION}"
P = Key("p", "s")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Answers to what may be repeated: reads and transactions."""
    monkeypatch.setattr(adapter, "_FIRST_PAUSE_MS", 1)
    with Stubber(client("dynamodb", REGION, None)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Answers to single writes."""
    monkeypatch.setattr(adapter, "_FIRST_PAUSE_MS", 1)
    with Stubber(client("dynamodb", REGION, None, attempts=1)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def cancelled(stub: Stubber, *codes: str, message: str = "") -> None:
    reasons = [{"Code": code, "Message": message} for code in codes]
    stub.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        http_status_code=400,
        modeled_fields={"CancellationReasons": reasons},
    )


TWO: tuple[Change, ...] = (Put(P), Count(Key("p", "supply"), 1, cap=5))


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_another_transaction_holds_is_tried_again_as_another_request(stub: Stubber, code: str) -> None:
    tokens = []

    def note(params: dict[str, Any], **_: Any) -> None:
        tokens.append(params["ClientRequestToken"])

    events, event = client("dynamodb", REGION, None).meta.events, "before-parameter-build.dynamodb.TransactWriteItems"
    events.register(event, note)
    try:
        cancelled(stub, "None", code)
        cancelled(stub, code, "None")
        stub.add_response("transact_write_items", {})
        DynamoLedger.open(URL, clock=utc_now).write(*TWO)
    finally:
        events.unregister(event, note)
    assert len(set(tokens)) == 3, "the token of a cancelled request may be remembered as cancelled"


@pytest.mark.parametrize(
    ("codes", "message", "becomes", "says"),
    [
        (("TransactionConflict", "ConditionalCheckFailed"), "", Conflict, "change 1, Count p / supply"),
        (("ConditionalCheckFailed", "ConditionalCheckFailed"), "", Conflict, "change 0, Put p / s"),
        (("None", "ValidationError"), "Item size has exceeded the maximum allowed size", TooLarge, "Item size"),
        (("ValidationError", "None"), "Type mismatch", Invalid, "Type mismatch"),
        (("ConditionalCheckFailed", "DuplicateItem"), "", Defect, "DuplicateItem"),
    ],
)
def test_the_reason_of_a_cancelled_transaction_decides(
    stub: Stubber, codes: tuple[str, ...], message: str, becomes: type[MonoprintError], says: str
) -> None:
    cancelled(stub, *codes, message=message)
    with pytest.raises(becomes, match=says) as raised:
        DynamoLedger.open(URL, clock=utc_now).write(*TWO)
    assert type(raised.value) is becomes
    if isinstance(raised.value, Conflict):
        assert raised.value.index == codes.index("ConditionalCheckFailed")


def test_a_cancelled_transaction_without_reasons_was_not_written(stub: Stubber) -> None:
    stub.add_client_error("transact_write_items", "TransactionCanceledException", http_status_code=400)
    with pytest.raises(Defect, match="dynamodb:PutItem / dynamodb:UpdateItem"):
        DynamoLedger.open(URL, clock=utc_now).write(*TWO)


def test_a_transaction_that_never_gets_its_turn_is_transient(stub: Stubber) -> None:
    for _ in range(TURNS):
        cancelled(stub, "None", "TransactionConflict")
    with pytest.raises(Transient, match="table monoprint: another transaction holds it") as raised:
        DynamoLedger.open(URL, clock=utc_now).write(*TWO)
    assert type(raised.value) is Transient


def test_fault_19_a_throttled_write_is_tried_again_and_then_transient(once: Stubber) -> None:
    ledger = DynamoLedger.open(URL, clock=utc_now)
    for code in ("ThrottlingException", "ProvisionedThroughputExceededException", "TransactionConflictException"):
        once.add_client_error("put_item", code, http_status_code=400)
    once.add_response("put_item", {})
    ledger.write(Put(P))
    for _ in range(TURNS):
        once.add_client_error("update_item", "RequestLimitExceeded", http_status_code=400)
    with pytest.raises(Transient, match="table monoprint: throttled"):
        ledger.write(Count(P, 1, cap=2))


@pytest.mark.parametrize(("code", "status"), [("InternalServerError", 500), ("ServiceUnavailable", 503)])
def test_a_single_write_whose_end_is_not_known_is_not_repeated(once: Stubber, code: str, status: int) -> None:
    once.add_client_error("update_item", code, http_status_code=status)
    with pytest.raises(Transient, match=f"cannot do dynamodb:UpdateItem now .{code}"):
        DynamoLedger.open(URL, clock=utc_now).write(Count(P, 1, cap=2))


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda ledger: ledger.get(P), "get_item"),
        (lambda ledger: ledger.query("p"), "query"),
        (lambda ledger: ledger.due("received", before=utc_now()), "query"),
    ],
    ids=["get", "query", "due"],
)
def test_a_throttled_read_is_never_taken_for_absence(
    stub: Stubber, call: Callable[[Ledger], object], operation: str
) -> None:
    stub.add_client_error(operation, "ProvisionedThroughputExceededException", http_status_code=400)
    with pytest.raises(Transient, match="AWS throttles dynamodb:"):
        call(DynamoLedger.open(URL, clock=utc_now))


def test_a_denied_call_names_the_action_that_the_role_lacks(once: Stubber) -> None:
    once.add_client_error("delete_item", "AccessDeniedException", "no", 400)
    once.add_client_error("put_item", "ValidationException", "Size of hashkey has exceeded the maximum", 400)
    ledger = DynamoLedger.open(URL, clock=utc_now)
    with pytest.raises(Defect, match="table monoprint: the role lacks dynamodb:DeleteItem"):
        ledger.write(Delete(P, expect=1))
    with pytest.raises(TooLarge, match="Size of hashkey"):
        ledger.write(Put(P))


def test_who_finds_an_expired_counter_replaced_meanwhile_counts_on_from_there(once: Stubber) -> None:
    expired = {"pk": {"S": "p"}, "sk": {"S": "s"}, "version": {"N": "9"}, "used": {"N": "1"}, "expires_at": {"N": "1"}}
    theirs = {"pk": {"S": "p"}, "sk": {"S": "s"}, "version": {"N": "1"}, "used": {"N": "1"}}
    failed = {"code": "ConditionalCheckFailedException", "status": 400}
    for operation, met in (("update_item", expired), ("put_item", theirs)):
        once.add_client_error(operation, failed["code"], http_status_code=400, modeled_fields={"Item": met})
    once.add_response("update_item", {})
    DynamoLedger.open(URL, clock=utc_now).write(Count(P, 1, cap=2))


def test_a_query_goes_on_where_a_page_ends_early(stub: Stubber) -> None:
    def page(*sorts: str, more: bool) -> dict[str, Any]:
        rows = [{"pk": {"S": "p"}, "sk": {"S": s}, "version": {"N": "1"}, "data": {"S": json.dumps({})}} for s in sorts]
        last = {"pk": {"S": "p"}, "sk": {"S": sorts[-1] if sorts else "z"}}
        return {"Items": rows, **({"LastEvaluatedKey": last} if more else {})}

    stub.add_response("query", page("a", "b", more=True))
    stub.add_response("query", page(more=True))
    stub.add_response("query", page("c", more=False))
    found = DynamoLedger.open(URL, clock=utc_now).query("p", after="a", limit=5)
    assert [item.key.sort for item in found] == ["b", "c"]
