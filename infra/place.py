"""A place: where Monoprint's ports are opened. This machine's home and a stage on AWS differ in the values alone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any, Protocol

from shared.clock import utc_now
from shared.ports.blobs import Blobs
from shared.ports.chain import Chain
from shared.ports.ledger import Ledger
from shared.ports.open import open_port
from shared.ports.queue import Queue
from shared.ports.signer import Signer
from shared.settings import MintSettings, SweepSettings


class Place(Protocol):
    @property
    def option(self) -> str:
        """What a command that is quoted to somebody must have after it to mean this place: ` --stage prod`."""

    @property
    def goes_on(self) -> str:
        """When or where work goes on that was filed here, as a sentence ends: `in the cloud`."""

    def environ_of(self, stop: str) -> Mapping[str, str]:
        """The environment of a stop here. `mint`'s signer has the owner's key as well, which is the operator's."""


class Ports(ExitStack):
    """A place's ports, each opened when it is asked for, closed together.

    `sweep` has a place's ledger, blobs and every queue in its environment, `mint` has the chain and the signer.
    Raises: `Defect` naming the variable that is missing there or cannot be opened.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def ledger(self) -> Ledger:
        ledger: Ledger = self._opened("ledger", self._sweep.ledger)
        return ledger

    def blobs(self) -> Blobs:
        blobs: Blobs = self._opened("blobs", self._sweep.blobs)
        return blobs

    def queue(self, name: str) -> Queue:
        queue: Queue = self._opened("queue", getattr(self._sweep, f"{name}_queue"))
        return queue

    def chain(self) -> Chain:
        chain: Chain = self._opened("chain", self.mint.chain)
        return chain

    def signer(self) -> Signer:
        signer: Signer = self._opened("signer", self.mint.signer)
        return signer

    @cached_property
    def mint(self) -> MintSettings:
        """What the mint is told here; `chain_id` and `contract` are of interest to others too."""
        return MintSettings.read(self._place.environ_of("mint"))

    @cached_property
    def _sweep(self) -> SweepSettings:
        return SweepSettings.read(self._place.environ_of("sweep"))

    def _opened(self, port: str, url: str) -> Any:
        adapter = open_port(port, url, clock=utc_now)
        if close := getattr(adapter, "close", None):
            self.callback(close)
        return adapter
