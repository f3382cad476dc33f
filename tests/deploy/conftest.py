"""The two templates, each compiled once by whoever runs these tests."""

from __future__ import annotations

import pytest

from infra.deploy.template import EXAMPLE, packaged
from tests.deploy.stack import Stack

CONTRACT = "0x00112233445566778899aabbccddeeff00112233"


@pytest.fixture(scope="session")
def dev() -> Stack:
    """As it stands, without a parameter."""
    return Stack.of_package(packaged("dev"))


@pytest.fixture(scope="session")
def prod() -> Stack:
    """With what must be given, and a contract that is not its minter's own."""
    return Stack.of_package(packaged("prod", EXAMPLE | {"contract": CONTRACT}))
