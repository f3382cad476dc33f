"""Several providers behind one port, none of them believed.

`CheckedPinner(first, second, ...)` keeps the promise of `Pinner` even where an adapter below does not: it computes
the CID from the CAR itself, compares the answer, and fetches and hashes every block before it returns.

- A provider that is down, or says yes and cannot give the bytes back, is passed over for the next one. All of them
  out: `Transient`, the mint waits.
- A provider that answers another CID or other bytes is never passed over in silence: `WrongCid`, at once.
"""

from __future__ import annotations

from shared.errors import NotFound, Rejected, Transient
from shared.ports.pinner import Pinner, WrongCid
from shared.publishing import car as cars
from shared.publishing import unixfs
from shared.publishing.cid import Cid


class CheckedPinner:
    def __init__(self, first: Pinner, *others: Pinner) -> None:
        self._pinners = (first, *others)

    def pin(self, root: str, car: bytes) -> str:
        """See `Pinner.pin`: kept by the first provider that can prove it."""
        wanted = Cid.parse(root)
        roots = cars.read_whole(car, wanted).roots
        outages: list[Transient] = []
        for pinner in self._pinners:
            try:
                answer = pinner.pin(root, car)
                if answer != root:
                    raise WrongCid("pinner's answer", got=answer[:80], wanted=root)
                for each in roots:
                    _read_back(pinner, each)
            except Transient as error:
                outages.append(error)
                continue
            return root
        raise _all_out(outages)

    def read(self, cid: str) -> bytes | None:
        """See `Pinner.read`: from the first provider that has it; None only if every one says that it has not."""
        wanted = Cid.parse(cid)
        outages: list[Transient] = []
        for pinner in self._pinners:
            try:
                block = pinner.read(cid)
            except Transient as error:
                outages.append(error)
                continue
            if block is None:
                continue
            if not wanted.names(block):
                raise WrongCid("pinner's block", got=str(Cid.of(block, wanted.codec)), wanted=cid)
            return block
        if outages:
            raise _all_out(outages)
        return None


def _read_back(pinner: Pinner, root: Cid) -> None:
    try:
        for _ in unixfs.walk(root, lambda cid: pinner.read(str(cid))):
            pass
    except NotFound as error:
        raise Transient(f"pinned, but cannot be fetched: {error}") from error
    except Rejected as error:  # the CAR was whole, so the fault is in what came back
        raise WrongCid("read back from the pinner", got=str(error), wanted=str(root)) from error


def _all_out(outages: list[Transient]) -> Transient:
    wait_s = min(outage.retry_after_s for outage in outages)
    return Transient("pinner: " + "; ".join(map(str, outages)), retry_after_s=wait_s)
