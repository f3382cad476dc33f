"""What every queue refuses, in the same words, before it asks its service. The numbers are SQS's."""

from __future__ import annotations

import re

from shared.errors import Invalid, TooLarge
from shared.ports.queue import MAX_BATCH, MAX_BODY_BYTES, MAX_DELAY_S, MAX_RELEASE_S

# What XML 1.0 has no place for: SQS takes none of it, and no half of a surrogate pair.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_GROUP = re.compile("[!-~]{1,128}")


def check_send(body: str, *, delay_s: float, group: str | None, fifo: bool) -> None:
    if not body or _NO_TEXT.search(body):
        raise Invalid("body", repr(body[:60]), "text without control characters")
    size = len(body.encode())
    if size > MAX_BODY_BYTES:
        raise TooLarge(f"a message of {size} bytes, at most {MAX_BODY_BYTES}")
    if fifo and (group is None or not _GROUP.fullmatch(group)):
        raise Invalid("group", repr(group), "1 to 128 visible ASCII characters, on a FIFO queue")
    if not fifo and group is not None:
        raise Invalid("group", repr(group), "none, on a queue that is not FIFO")
    check_delay(delay_s, most_s=0 if fifo else MAX_DELAY_S)


def check_delay(delay_s: float, *, most_s: int = MAX_RELEASE_S) -> None:
    if not 0 <= delay_s <= most_s:  # false for NaN as well
        raise Invalid("delay_s", repr(delay_s), f"0 to {most_s}")


def check_batch(limit: int) -> None:
    if not 1 <= limit <= MAX_BATCH:
        raise Invalid("limit", repr(limit), f"1 to {MAX_BATCH}")
