"""Queue: carries ids from one stop to the next.

Promise
- **At least once.** A sent message is delivered until it is deleted; it may come twice and, on a standard queue, out
  of order. Consumers are no-ops for work that is done. After 14 days it is gone, dead letters too: `sweep` wakes what
  waited for it.
- **Visibility.** A received message is hidden for the queue's visibility time. Not deleted by then, it comes back
  with a higher `receive_count`, and its old receipt is void from that delivery on. Between the end of its time, or its
  release, and that delivery the receipt may still delete it: whoever gives a message back does not delete it after.
- **Dead letters.** A message received `max_receives` times without being deleted moves to the dead letters, whole.
- **FIFO queues** deliver one group's messages in order, and none while another of that group is in flight or waits to
  be retried. One `receive` may bring several of a group, in order: whoever fails at one gives back those behind it too.
  They take a `group` (1 to 128 visible ASCII characters) and no `delay_s`.
- **Delay** is at most 900 s, counted from the send; a service may round it, and a release's, up to a whole second.
- Bodies are text without control characters, of 1 to 262,144 bytes in UTF-8. A batch is at most 10.

Errors: `Transient` when the service does not answer (the message may have been taken: send again); `TooLarge`;
`Invalid` for what no queue takes. The weaker word is SQS's; the embedded adapter enforces it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_BODY_BYTES = 262_144
MAX_DELAY_S = 900
MAX_AGE_S = 1_209_600
# SQS counts 12 hours from the receive, and a Lambda holds a message for 900 s at most before it releases it.
MAX_RELEASE_S = 42_300
MAX_BATCH = 10


@dataclass(frozen=True)
class Received:
    """A message in flight. `receipt` belongs to this delivery alone; a dead letter's is empty."""

    message_id: str
    receipt: str
    body: str
    receive_count: int
    sent_at: datetime
    group: str | None = None


@dataclass(frozen=True)
class Depth:
    waiting: int
    delayed: int
    in_flight: int
    dead: int


class Queue(Protocol):
    def send(self, body: str, *, delay_s: float = 0, group: str | None = None) -> None:
        """Durable when it returns."""

    def receive(self, *, limit: int = MAX_BATCH) -> list[Received]:
        """Up to `limit` visible messages, now. An empty list may also mean that the service did not look everywhere."""

    def delete(self, receipt: str) -> None:
        """Done with it. A void receipt is ignored: the message has been given to somebody else."""

    def release(self, receipt: str, *, delay_s: float) -> None:
        """Give it back, to be delivered again after `delay_s` (0 to 42,300). A void receipt is ignored."""

    def depth(self) -> Depth:
        """Approximate, as SQS's is."""

    def dead_letters(self, *, limit: int = MAX_BATCH) -> list[Received]:
        """Some of what gave up, the oldest of them first; looking takes nothing away.

        While one looks, another who looks or redrives may not see them.
        """

    def redrive(self) -> int:
        """Send every dead letter back to the queue, as a new message of its group. Returns how many."""

    def close(self) -> None:
        """Gives back files and connections. It is not used after that."""
