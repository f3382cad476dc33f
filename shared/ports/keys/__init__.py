"""Keys: data keys, one per collector, that encrypt their raw data and can be destroyed.

Promise
- `create` returns a fresh 256-bit key and the same key wrapped under a master key that never leaves the adapter. Only
  the wrapped form is stored; whoever deletes the last copy of it has destroyed all that the key encrypted. A backup of
  where it is stored is such a copy, for as long as it can be restored.
- `unwrap` opens it again for the same `context` (the collector's id) alone. Another context, a changed byte or
  another master key is a `Defect`: nothing is half opened.

Errors: `Transient` when the service is throttled or out of reach; `Defect` as above, and when the master key is
missing. A wrapped key comes from our own ledger and never from a caller: that it does not open is for a human to mend
(restore the master key, or the ledger), and must not end collectors' requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class DataKey:
    """`plain` lives in memory only, and never in a log: it has no repr."""

    plain: bytes = field(repr=False)
    wrapped: bytes


class Keys(Protocol):
    def create(self, context: str) -> DataKey: ...

    def unwrap(self, wrapped: bytes, context: str) -> DataKey: ...

    def close(self) -> None:
        """Gives back files and connections. It is not used after that."""
