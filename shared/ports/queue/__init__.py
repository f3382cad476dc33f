"""Queue: carries ids from one stop to the next.

Promise
- **At least once.** A sent message is delivered until it is deleted; it may come twice and, on a standard queue, out
  of order. Consumers are no-ops for work that is done.
- **Visibility.** A received message is hidden for the queue's visibility time. Not deleted by then, it comes back
  with a higher `receive_count`; its old receipt is void.
- **Dead letters.** A message received `max_receives` times without being deleted moves to the dead letters, whole.
- **FIFO queues** deliver one group's messages in order, and none while another of that group is in flight or waits to
  be retried. One `receive` may bring several of a group, in order: whoever fails at one gives back those behind it too.
  They take a `group` (1 to 128 visible ASCII characters) and no `delay_s`.
- **Delay** is at most 900 s, counted from the send; a service may round it up to a whole second.
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
MAX_RELEASE_S = 43_200
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
        """Up to `limit` visible messages, now; an empty list when there are none."""

    def delete(self, receipt: str) -> None:
        """Done with it. A void receipt is ignored: the message has been given to somebody else."""

    def release(self, receipt: str, *, delay_s: float) -> None:
        """Give it back, to be delivered again after `delay_s` (0 to 43,200). A void receipt is ignored."""

    def depth(self) -> Depth:
        """Approximate, as SQS's is."""

    def dead_letters(self, *, limit: int = MAX_BATCH) -> list[Received]:
        """What gave up, oldest first; looking takes nothing away."""

    def redrive(self) -> int:
        """Send every dead letter back to the queue, its count at zero. Returns how many."""

    def close(self) -> None:
        """Gives back files and connections. It is not used after that."""
