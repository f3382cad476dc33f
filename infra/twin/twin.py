"""The twin: everything that AWS, Modal and a chain would be, in one process on one machine.

It builds the events that AWS sends and calls the handlers with them; it knows no step. All that it holds lies in its
home, so that a SIGKILL at any moment loses nothing: the next start ends every accepted request, once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any, Self

import waitress

from functions import confirm, intake, judge, mint, plan, publish, render, review, sweep
from infra.api_keys import ensure_local_keys
from infra.deploy.contract import Brand, deploy
from infra.logs import logged_to
from infra.twin.anvil import Anvil, Watch
from infra.twin.home import CHAIN_ID, QUEUES, Home
from infra.twin.server import MAX_BODY_BYTES, Api
from infra.twin.workers import Workers
from shared import minting
from shared.clock import Clock, utc_now
from shared.errors import Rejected
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.chain.rpc import RpcChain
from shared.ports.ledger.sqlite import SqliteLedger
from shared.ports.queue.sqlite import SqliteQueue
from shared.ports.signer import Purpose
from shared.ports.signer.keystore import KeystoreSigner
from shared.runtime import Handler, QueueHandler

_QUEUE_STOPS: dict[str, tuple[QueueHandler, int, int]] = {
    # stop: its handler, how many at once, messages a batch
    "plan": (plan.handler, 1, 10),
    "render": (render.handler, 2, 1),
    "judge": (judge.handler, 1, 1),
    "publish": (publish.handler, 2, 1),  # it waits for the disk most of the time
    "mint": (mint.handler, 1, 1),  # one of a group at a time: a batch that fails would hold up the rest of the group
    "confirm": (confirm.handler, 1, 1),
}
_SWEEP_S, _NET_S, _WATCH_S = 30.0, 15.0, 1.0
_PATIENCE_S, _INTERRUPTED_S = 5.0, 1.0
"""For what is being done when the twin ends; a picture that takes longer is begun anew by the next twin."""


class Twin:
    """Use it as a context: it serves from enter to exit. `url` is its API's, `contract` its contract's address.

    `say` is told what the start is at. Raises on enter: `Busy` when another twin has the home, `Rejected` when the port
    is taken, `Defect` when a part of the set-up or of the home is missing, or another.
    """

    def __init__(
        self, home: Home, *, port: int = 0, clock: Clock = utc_now, say: Callable[[str], object] = lambda _: None
    ):
        self.home = home
        self.url = ""
        self.contract = ""
        self._port = port
        self._clock = clock
        self._say = say
        self._open = ExitStack()
        self._hands = ExitStack()
        """What the workers use."""
        self._door = ExitStack()
        """Where others come in."""
        self._workers = Workers(clock)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end(_INTERRUPTED_S)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(_PATIENCE_S if kind is None else _INTERRUPTED_S)

    def _end(self, patience_s: float) -> None:
        """The door is shut, workers end before what they use, the chain is saved, and the lock goes at the very end.

        What a worker that does not end in time uses stays open, until the process ends: it must not fail for that.
        """
        with self._open:
            self._door.close()
            if self._workers.stop(patience_s):
                self._hands.close()
            else:
                self._hands.pop_all()

    def _start(self) -> None:
        self._open.enter_context(self.home.locked())
        self._log_to_file()
        server = self._listen()
        self.url = f"http://127.0.0.1:{server.effective_port}"
        self._say("starting the chain")
        environ = self._start_chain()
        self._say(f"the contract is in place, {self.contract}")
        ensure_local_keys(self.home)
        server.application = self._bind_http(environ)
        self._start_stops(environ)
        serving = threading.Thread(target=server.run, name="twin-http", daemon=True)
        serving.start()
        self._door.callback(server.task_dispatcher.shutdown)
        self.home.write_json("twin.json", self._told())
        self._door.callback(lambda: (self.home.path / "twin.json").unlink(missing_ok=True))

    def _listen(self) -> Any:
        """The HTTP server, which listens and does not answer yet."""
        try:
            server = waitress.create_server(
                _starting,
                host="127.0.0.1",
                port=self._port,
                threads=8,
                ident="monoprint",
                max_request_body_size=MAX_BODY_BYTES,
            )
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            raise Rejected(f"--port {self._port}: {what}; choose another one, or 0 for one that is free") from error
        self._open.callback(server.close)
        return server

    def _told(self) -> dict[str, object]:
        """Who runs here, for other commands."""
        return {"pid": os.getpid(), "url": self.url, "chain": self._anvil.url, "contract": self.contract}

    def _start_chain(self) -> dict[str, str]:
        """Anvil with all that this home ever signed, watched; and the environment that names it."""
        anvil = Anvil(self.home.path / "chain", chain_id=CHAIN_ID)
        anvil.start()
        self._anvil = anvil
        self._open.callback(anvil.stop)
        ledger = self._open.enter_context(closing(SqliteLedger.open(self.home.ledger_url, clock=self._clock)))
        chain = self._open.enter_context(closing(RpcChain.open(f"{anvil.url}?chain_id={CHAIN_ID}", clock=self._clock)))
        signer = KeystoreSigner.open(self.home.signer_url, clock=self._clock)
        self.contract = minting.contract_of(chain, signer)
        minter, owner = (signer.address(purpose) for purpose in (Purpose.TRANSACTION, Purpose.OWNER))
        self.home.check_identity(contract=self.contract, minter=minter, owner=owner)

        def heal() -> None:
            anvil.fund(minter)
            deploy(ledger, chain, signer, Brand(), chain_id=CHAIN_ID, clock=self._clock)

        self._watch = Watch(anvil, heal)
        self._watch.look()
        return self.home.environ(api_url=self.url, chain_url=f"{anvil.url}?chain_id={CHAIN_ID}", contract=self.contract)

    def _bind_http(self, environ: dict[str, str]) -> Api:
        http = {
            "intake": intake.handler.bind(environ, self._clock),
            "review": review.handler.bind(environ, self._clock),
        }
        blobs = self._hands.enter_context(closing(FolderBlobs.open(environ["BLOBS_URL"], clock=self._clock)))
        for handler in http.values():
            self._keep_open(handler)
        return Api(http, blobs, self._clock)

    def _start_stops(self, environ: dict[str, str]) -> None:
        workers = self._workers
        for name in QUEUES:
            handler, threads, batch = _QUEUE_STOPS[name]
            bound = handler.bind(environ | {"OWN_QUEUE_URL": self.home.queue_url(name)}, self._clock)
            queue = self._hands.enter_context(closing(SqliteQueue.open(self.home.queue_url(name), clock=self._clock)))
            queue.reclaim()  # what the twin before this one had in its hands
            self._keep_open(bound)
            workers.serve(name, queue, bound, threads=threads, batch=batch)
        net = confirm.net.bind(environ | {"OWN_QUEUE_URL": self.home.queue_url("confirm")}, self._clock)
        first_sweep = sweep.handler.bind(environ | {"PATIENCE_S": "0"}, self._clock)
        sweeper = sweep.handler.bind(environ, self._clock)
        for scheduled in (net, first_sweep, sweeper):
            self._keep_open(scheduled)
        # Whatever the twin before this one left half done is woken now, not when its patience ends.
        workers.once("first-sweep", first_sweep)
        workers.every(_SWEEP_S, "sweep", sweeper)
        workers.every(_NET_S, "confirm-net", net)
        workers.repeat(_WATCH_S, "chain", self._watch.look)

    def _keep_open(self, handler: Handler) -> None:
        self._hands.callback(handler.close)

    def _log_to_file(self) -> None:
        """Handlers write their lines to standard output, which is a person's here."""
        file = self._hands.enter_context((self.home.path / "log" / "twin.jsonl").open("a"))
        self._hands.enter_context(logged_to(file))


def _starting(environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("asked before it was ready: the server runs only once its application is set")
