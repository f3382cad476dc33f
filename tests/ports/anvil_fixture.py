"""One anvil for the tests of a module; import the fixture where it is used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.twin.anvil import Anvil


@pytest.fixture(scope="module", name="anvil")
def anvil_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("chain")) as running:
        yield running
