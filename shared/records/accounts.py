"""API keys: stored hashed, each with an account, a role and the collections it may touch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import Forbidden, Unauthenticated
from shared.ports.ledger import Key, Ledger, Put

ALL_COLLECTIONS = "*"


class Role(StrEnum):
    MINT = "mint"
    REVIEW = "review"
    OPERATE = "operate"


@dataclass(frozen=True)
class Caller:
    account: str
    role: Role
    collections: frozenset[str]

    def may_touch(self, collection: str) -> bool:
        return ALL_COLLECTIONS in self.collections or collection in self.collections


def create_key(
    ledger: Ledger, account: str, role: Role, collections: frozenset[str], *, random: Callable[[int], bytes]
) -> str:
    """A new API key, shown this once: only its hash is kept. `random(n)` gives n bytes, as `secrets.token_bytes`."""
    key = f"mp_{role}_{random(24).hex()}"
    ledger.write(Put(_key(key), {"account": account, "role": role, "collections": sorted(collections)}))
    return key


def authenticate(ledger: Ledger, api_key: str | None, *roles: Role) -> Caller:
    """Who is calling. Raises `Unauthenticated`, or `Forbidden` unless the key has one of `roles`."""
    if not api_key:
        raise Unauthenticated("X-Api-Key: got none, wanted an API key")
    item = ledger.get(_key(api_key))
    if item is None:
        raise Unauthenticated("X-Api-Key: got a key that nobody was given, wanted one made by `monoprint key`")
    caller = Caller(item.data["account"], Role(item.data["role"]), frozenset(item.data["collections"]))
    if caller.role not in roles:
        raise Forbidden(f"X-Api-Key: got a key with the role {caller.role}, wanted {' or '.join(roles)}")
    return caller


def _key(api_key: str) -> Key:
    return Key(f"apikey#{hashlib.sha256(api_key.encode()).hexdigest()}", "key")
