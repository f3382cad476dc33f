"""The records' own tests, with the ledger on DynamoDB under them: what the product writes is what this ledger takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from shared.ports.aws import client
from shared.ports.ledger import Ledger
from shared.ports.ledger.dynamodb_items import create_table
from shared.ports.open import open_port
from tests.ports.moto_fixture import REGION, aws_in_this_process  # noqa: F401 - a fixture
from tests.ports.virtual_clock import VirtualClock
from tests.unit.records import test_accounts, test_collectors, test_holds, test_requests, test_transactions
from tests.unit.records.test_collectors import clock, keys  # noqa: F401 - fixtures

# Not those that bring their own ledger, nor one of 1,100 writes: moto copies the table for each.
_APART = {
    "test_fault_47_whatever_nodes_say_nonces_only_rise",
    "test_a_history_longer_than_a_page_is_told_whole",
}
for module in (test_accounts, test_collectors, test_holds, test_requests, test_transactions):
    part = module.__name__.rpartition("_")[2]
    for name, test in vars(module).items():
        if name.startswith("test_") and name not in _APART:
            globals()[f"test_{part}_{name.removeprefix('test_')}"] = test


@pytest.fixture
def ledger(moto: None, clock: VirtualClock) -> Iterator[Ledger]:  # noqa: F811
    table = f"records-{uuid4().hex}"
    create_table(client("dynamodb", REGION, None), table)
    with closing(open_port("ledger", f"dynamodb://{table}?region={REGION}", clock=clock)) as ledger:
        yield ledger
