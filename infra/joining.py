"""What a command speaks to: a stage that is deployed, or the twin that runs on its home.

Without one that runs, a twin is started that lives as long as anybody uses it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from infra.client import Client
from infra.twin.home import Busy, Home
from shared.errors import Rejected

if TYPE_CHECKING:
    from infra.deploy.stage import Stage


@contextmanager
def client_of(place: Home | Stage, api_key: str | None, say: Callable[[str], object]) -> Iterator[Client]:
    """A client of the place's HTTP API. A home has keys of its own; a stage is called with the one that is given."""
    if isinstance(place, Home):
        with Joined(place, say) as joined:
            yield joined.client
        return
    if not api_key:
        raise Rejected(
            "--api-key: got none, wanted one of the stage; make it by "
            f"`monoprint key{place.option} --account NAME --role operate`"
        )
    with Client.of_stage(place, api_key) as client:
        yield client


@contextmanager
def running(place: Home | Stage, say: Callable[[str], object]) -> Iterator[None]:
    """While it is used, the place's chain answers: a stage's does anyway, a home's while a twin runs there.

    What is logged meanwhile goes to the twin's log. A stage's logs are kept by its functions, and none here.
    """
    if isinstance(place, Home):
        with Joined(place, say):
            yield
        return
    from infra.logs import logged_to

    with open(os.devnull, "w") as nowhere, logged_to(nowhere):
        yield


class Joined:
    """Use it as a context. `client` speaks to the twin, and goes on with another one if that is killed.

    `say` is told what is being waited for.
    """

    client: Client

    def __init__(self, home: Home, say: Callable[[str], object] = lambda _: None):
        self._home = home
        self._say = say
        self._twin = ExitStack()
        self._owns = False
        self._url = ""

    def __enter__(self) -> Self:
        url = self._join()
        try:
            self.client = Client.of(self._home, url, elsewhere=self._elsewhere)
        except BaseException:
            self._twin.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A twin of one's own stays up for others who use it, unless the command was stopped or failed."""
        with self.client:
            if not self._owns or kind is not None:
                self._twin.__exit__(kind, error, trace)
                return
            with ExitStack() as last:
                last.push(self._twin)
                last.enter_context(self._home.unused(lambda: self._say("another command still uses the twin")))
                # The twin ends before this lock goes: whoever comes now waits, and then starts one.
                last.push(self._twin.pop_all())

    def told(self, name: str) -> str:
        """What `twin.json` says of the twin that runs: `chain`, `contract`."""
        return str((self._home.read_json("twin.json") or {})[name])

    def _join(self) -> str:
        while True:
            with ExitStack() as using:
                using.enter_context(self._home.used())
                if url := self._home.running():
                    self._twin = using.pop_all()
                    self._owns, self._url = False, url
                    return url
            from infra.twin.twin import Twin  # heavy, and not needed by who joins another's

            self._say("starting the twin")
            with ExitStack() as mine:
                try:
                    twin = mine.enter_context(Twin(self._home, say=self._say))
                except Busy:
                    continue  # another command was first: its twin is ours as well
                self._twin = mine.pop_all()
            self._owns, self._url = True, twin.url
            return twin.url

    def _elsewhere(self) -> str:
        """The address of the twin of now; one's own does not move."""
        if self._owns:
            return self._url
        self._twin.close()
        return self._join()
