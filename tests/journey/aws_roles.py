"""Each function acts with its own role, as on AWS, though all of them run in this process.

The emulator denies what the role's policies do not allow. Who is nobody's function is whoever deploys, and may all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from threading import Lock

from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
from botocore.session import Session

from shared.clock import Clock
from tests.ports.ministack_fixture import Ministack

_RENEWED = timedelta(minutes=30)
"""Half of what a role's session lasts."""

_acting: ContextVar[ReadOnlyCredentials | None] = ContextVar("acting", default=None)


class Roles:
    """`arns`: function -> its role."""

    def __init__(self, ministack: Ministack, arns: Mapping[str, str], clock: Clock) -> None:
        self._ministack = ministack
        self._arns = arns
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, tuple[datetime, ReadOnlyCredentials]] = {}

    @contextmanager
    def acting(self, function: str) -> Iterator[None]:
        """Whatever this thread asks of AWS inside, that function asks."""
        token = _acting.set(self._credentials(function))
        try:
            yield
        finally:
            _acting.reset(token)

    def _credentials(self, function: str) -> ReadOnlyCredentials:
        with self._lock:
            since, credentials = self._sessions.get(function, (None, None))
            if since is None or credentials is None or self._clock() - since > _RENEWED:
                sts = self._ministack.client("sts")
                made = sts.assume_role(RoleArn=self._arns[function], RoleSessionName=function)["Credentials"]
                credentials = ReadOnlyCredentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
                self._sessions[function] = self._clock(), credentials
            return credentials


def session() -> Session:
    """A session of botocore whose clients sign for whoever acts at that moment."""
    made = Session()
    made.get_component("credential_provider").insert_before("env", _OfWhoeverActs())
    return made


class _OfWhoeverActs(CredentialProvider):  # type: ignore[misc]
    METHOD = "of-whoever-acts"

    def load(self) -> Credentials:
        return _WhoeverActs(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


class _WhoeverActs(Credentials):  # type: ignore[misc]
    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return _acting.get() or super().get_frozen_credentials()
