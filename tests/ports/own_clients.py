"""AWS clients of a test's own: the adapters share the process's, and each keeps the credentials it was made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.ports import aws

NOBODY = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "none", "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def own_clients() -> Iterator[pytest.MonkeyPatch]:
    """No client is there at first, and none that was made meanwhile is left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "_session", None)
        patch.setattr(aws, "_clients", {})
        yield patch


@contextmanager
def clients_of_nobody() -> Iterator[None]:
    """For what opens adapters and asks nothing of AWS: it takes no account and finds none of this machine's."""
    with own_clients() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        yield
