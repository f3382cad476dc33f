"""Every error a stop can raise, as one tree; what it means is decided by its branch, never by its text.

    MonoprintError
    ├── Rejected               the caller's fault, or permanent: answered to the caller, or ends the request
    │   ├── Invalid            a value is malformed: names the field, what was got, what is wanted   400
    │   ├── Unauthenticated    no API key, or one that nobody was given                              401
    │   ├── Forbidden          a good key that may not do this                                       403
    │   ├── NotFound           nothing under this name, or nothing this caller may see               404
    │   ├── Mismatch           contradicts what was recorded before (key reuse, stale candidate)     409
    │   ├── Exhausted          nothing is left of it: supply, quota, budget                          409
    │   └── TooLarge           over a stated limit                                                   413
    ├── Transient              nobody's fault: the queue tries again after `retry_after_s`           503
    │   └── Conflict           lost a race for a conditional write: read again, decide again
    └── Defect                 our fault: dead letter and alarm; nothing is lost                     500

Adapters translate a vendor's errors once, at their own edge (`raise ... from`). The HTTP status stands here
because `shared/runtime.py` maps it in one place and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class MonoprintError(Exception):
    """The root. `code` is the stable name that machines read; the message is for people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500


class Rejected(MonoprintError):
    """Permanent: trying again with the same input can only fail again."""

    code = "rejected"
    status = 422


class Invalid(Rejected):
    """A value from outside is wrong.

    `field` is the path of the value as its sender wrote it (`consent.game.hours`, a header, a file with line
    and column), so that the message can be acted on without reading our code.
    """

    code = "invalid"
    status = 400

    def __init__(self, field: str, got: str, wanted: str) -> None:
        super().__init__(f"{field}: got {got}, wanted {wanted}")
        self.field = field
        self.got = got
        self.wanted = wanted


class Unauthenticated(Rejected):
    code = "unauthenticated"
    status = 401


class Forbidden(Rejected):
    code = "forbidden"
    status = 403


class NotFound(Rejected):
    code = "not_found"
    status = 404


class Mismatch(Rejected):
    code = "mismatch"
    status = 409


class Exhausted(Rejected):
    code = "exhausted"
    status = 409


class TooLarge(Rejected):
    code = "too_large"
    status = 413


class Transient(MonoprintError):
    """Will pass. The message stays on its queue and comes back after `retry_after_s` seconds."""

    code = "transient"
    status = 503

    def __init__(self, message: str, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Conflict(Transient):
    """Another writer came first; `index` is the change of the transaction whose condition failed."""

    code = "conflict"

    def __init__(self, message: str, *, index: int = 0) -> None:
        super().__init__(message, retry_after_s=1.0)
        self.index = index


class Defect(MonoprintError):
    """Should be impossible. Keeps the message for a human instead of guessing.

    Its text is logged, unless it quotes a service's own words, which may hold anything.
    """

    code = "defect"
    quotes: ClassVar[bool] = False
