"""Ports whose n-th call, counted over all of them, ends badly: before anything happened, or after everything did."""

from __future__ import annotations

from typing import Any, Literal

from tests.unit.functions.house import House

PORTS = ("ledger", "blobs", "keys", "planner", "renderer", "pinner", "chain", "signer")
When = Literal["before", "after"]


class Killed(BaseException):
    """The process ends here. No `except Exception` holds it up."""


class Tripwire:
    """Counts every call of the ports that it watches, and ends call number `at` badly, once."""

    def __init__(self, at: int, when: When, kind: type[BaseException]) -> None:
        self.at = at
        self.when = when
        self.kind = kind
        self.calls = 0
        self.tripped = False
        self.where = ""

    def around(self, house: House) -> None:
        """Put itself around every port of the house, also those behind the renderer."""
        for name in house.ports:
            if name in PORTS or name.endswith("_queue"):
                house.ports[name] = Watched(house.ports[name], name, self)
        house.renderer.blobs = house.ports["blobs"]

    def counts(self, where: str) -> bool:
        """Whether it is this call."""
        self.calls += 1
        if self.calls == self.at:
            self.tripped, self.where = True, where
        return self.calls == self.at

    def trip(self) -> None:
        raise self.kind(f"call {self.at}, {self.where}")


class Watched:
    def __init__(self, port: Any, name: str, wire: Tripwire) -> None:
        self._port, self._name, self._wire = port, name, wire

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._port, method)
        if not callable(inner):
            return inner

        def call(*args: Any, **kwargs: Any) -> Any:
            mine = self._wire.counts(f"{self._name}.{method}")
            if mine and self._wire.when == "before":
                self._wire.trip()
            answer = inner(*args, **kwargs)
            if mine:
                self._wire.trip()
            return answer

        return call
