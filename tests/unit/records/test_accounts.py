"""Who may do what: keys are hashed, scoped and of one role; and what a collection may spend a day."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import timedelta

import pytest

from shared.errors import Conflict, Forbidden, NotFound, Unauthenticated
from shared.ports.ledger import Key
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import accounts, collections
from shared.records.accounts import ALL_COLLECTIONS, Role
from tests.unit.records.test_holds import T0


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Iterator[SqliteLedger]:
    ledger = SqliteLedger.open(f"sqlite://?memory=accounts-{request.node.name}", clock=lambda: T0)
    yield ledger
    ledger.close()


def make(ledger: SqliteLedger, role: Role, *slugs: str) -> str:
    return accounts.create_key(ledger, "studio", role, frozenset(slugs), random=secrets.token_bytes)


@pytest.mark.parametrize("role", Role)
def test_a_key_speaks_for_its_account_its_role_and_its_collections(ledger: SqliteLedger, role: Role) -> None:
    caller = accounts.authenticate(ledger, make(ledger, role, "a", "b"), *Role)
    assert (caller.account, caller.role) == ("studio", role)
    assert [caller.may_touch(slug) for slug in ("a", "b", "c", "")] == [True, True, False, False]


def test_only_a_key_for_all_touches_all(ledger: SqliteLedger) -> None:
    assert accounts.authenticate(ledger, make(ledger, Role.MINT, ALL_COLLECTIONS), Role.MINT).may_touch("any")
    assert not accounts.authenticate(ledger, make(ledger, Role.MINT), Role.MINT).may_touch(ALL_COLLECTIONS)


def test_another_role_is_forbidden_and_no_key_or_a_wrong_one_is_nobody(ledger: SqliteLedger) -> None:
    key = make(ledger, Role.MINT, "a")
    with pytest.raises(Forbidden) as refused:
        accounts.authenticate(ledger, key, Role.REVIEW)
    assert key not in str(refused.value)
    for wrong in (None, "", key[:-1], key.upper(), "key"):
        with pytest.raises(Unauthenticated) as nobody:
            accounts.authenticate(ledger, wrong, *Role)
        assert not wrong or wrong == "key" or wrong not in str(nobody.value)


def test_a_key_is_kept_as_a_hash_alone_and_never_given_twice(ledger: SqliteLedger) -> None:
    def make_the_same(account: str) -> str:
        return accounts.create_key(ledger, account, Role.MINT, frozenset("a"), random=lambda size: b"\x01" * size)

    key = make_the_same("studio")
    assert ledger.get(Key(f"apikey#{key}", "key")) is None
    assert ledger.get(Key(f"apikey#{hashlib.sha256(key.encode()).hexdigest()}", "key")) is not None
    with pytest.raises(Conflict):
        make_the_same("somebody else")


def test_the_version_on_sale_is_the_last_one_published(ledger: SqliteLedger) -> None:
    with pytest.raises(NotFound, match="monoprint publish"):
        collections.current(ledger, "harbour")
    for digest in ("ab" * 32, "cd" * 32, "cd" * 32):
        collections.publish(ledger, "harbour", digest, T0)
        assert collections.current(ledger, "harbour") == digest
    collections.publish(ledger, "harbour", "ab" * 32, T0)
    assert collections.current(ledger, "harbour") == "ab" * 32


def test_a_day_costs_what_it_may_and_the_next_one_starts_at_nothing(ledger: SqliteLedger) -> None:
    for _ in range(3):
        ledger.write(collections.spending("harbour", T0, 30, 100))
    with pytest.raises(Conflict):
        ledger.write(collections.spending("harbour", T0 + timedelta(hours=23), 30, 100))
    ledger.write(collections.spending("harbour", T0, 10, 100))
    ledger.write(collections.spending("harbour", T0 + timedelta(days=1), 100, 100))
    ledger.write(collections.spending("elsewhere", T0, 100, 100))
