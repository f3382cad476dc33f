"""API keys of a place: one a role for this machine's command line, and as many for callers as are asked for."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from infra.place import Place, Ports
from infra.twin.home import Home
from shared.records import accounts
from shared.records.accounts import ALL_COLLECTIONS, Role

LOCAL = "local"
"""The account of the command line."""


def make_key(place: Place, account: str, role: Role, slugs: Sequence[str] = ()) -> str:
    """A new key for these collections (none named: for all), told this once."""
    with Ports(place) as ports:
        touches = frozenset(slugs) or frozenset({ALL_COLLECTIONS})
        return accounts.create_key(ports.ledger(), account, role, touches, random=secrets.token_bytes)


def ensure_local_keys(home: Home) -> None:
    """`api-keys.json`, made with the home."""
    if not home.read_json("api-keys.json"):
        home.write_json("api-keys.json", {role.value: make_key(home, LOCAL, role) for role in Role})
