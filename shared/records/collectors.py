"""A collector's raw data: encrypted under a key of their own, and gone after its retention.

One item for each request, since consent was given for that request: what is shared later, for another print or under
other terms, must not steer this one nor be told with it. AES-256-GCM, nonce in front, collector and request as
associated data. Deleting the wrapped key is erasure: nothing else can open the items, wherever copies of them lie. A
backup of the ledger holds the wrapped key as well: where there is one (on AWS, any second of the last 35 days can be
restored), erasure is complete only when the last backup from before the deletion is gone. A wrapped key that does not
open is a `Defect`, and the request waits for whoever can restore the master key.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import Defect, NotFound
from shared.ports.keys import Keys
from shared.ports.ledger import Change, Key, Ledger, Put

_NONCE_BYTES = 12


def storing(
    ledger: Ledger, keys: Keys, collector: str, request_id: str, raw: bytes, *, expires_at: datetime
) -> list[Change]:
    """The changes that keep `raw`, which this collector shared for one request. They fail if it has data already, or
    if another request of the collector brought the key meanwhile: then read again."""
    wrapped = ledger.get(_key(collector, "key"))
    changes: list[Change] = []
    if wrapped is None:
        data_key = keys.create(collector)
        changes.append(Put(_key(collector, "key"), {"wrapped": data_key.wrapped.hex()}))
    else:
        data_key = keys.unwrap(bytes.fromhex(wrapped.data["wrapped"]), collector)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(data_key.plain).encrypt(nonce, raw, _bound_to(collector, request_id))
    return [*changes, Put(_data_key(collector, request_id), {"sealed": sealed.hex()}, expires_at=expires_at)]


def open_data(ledger: Ledger, keys: Keys, collector: str, request_id: str) -> bytes:
    """The raw data of a request. Raises `NotFound` when it has expired or was erased."""
    wrapped, kept = ledger.get(_key(collector, "key")), ledger.get(_data_key(collector, request_id))
    if wrapped is None or kept is None:
        raise NotFound("the collector's data has expired or was erased")
    key = keys.unwrap(bytes.fromhex(wrapped.data["wrapped"]), collector).plain
    sealed = bytes.fromhex(kept.data["sealed"])
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(collector, request_id))
    except InvalidTag as error:
        raise Defect(f"collector {collector[:8]}: the sealed data does not open under its own key") from error


def _bound_to(collector: str, request_id: str) -> bytes:
    return f"{collector}/{request_id}".encode()


def _data_key(collector: str, request_id: str) -> Key:
    return _key(collector, f"data#{request_id}")


def _key(collector: str, sort: str) -> Key:
    return Key(f"collector#{collector}", sort)
