"""The chain's watch: what was not healed is healed at the next look."""

from __future__ import annotations

from typing import cast

import pytest

from infra.twin.anvil import Anvil, Watch
from shared.errors import Transient


class _Anvil:
    def __init__(self) -> None:
        self.up, self.done = True, list[str]()
        self.now_s, self.save_s = 0.0, 0.0

    def alive(self) -> bool:
        return self.up

    def restart(self) -> None:
        self.up = True
        self.done.append("restart")

    def save(self) -> bool:
        self.done.append("save")
        self.now_s += self.save_s
        return True


def test_a_heal_that_failed_is_tried_again_before_anything_is_saved() -> None:
    anvil, fails = _Anvil(), 0

    def heal() -> None:
        nonlocal fails
        anvil.done.append("heal")
        if fails:
            fails -= 1
            raise Transient("no answer")

    watch = Watch(cast("Anvil", anvil), heal, monotonic=lambda: anvil.now_s)
    watch.look()
    watch.look()
    assert anvil.done == ["heal", "save", "save"]

    anvil.done.clear()
    anvil.up, fails = False, 2
    for _ in range(2):
        with pytest.raises(Transient):
            watch.look()
    watch.look()
    assert anvil.done == ["restart", "heal", "heal", "heal", "save"]


@pytest.mark.parametrize(("save_s", "saves"), [(0.01, 600), (0.5, 24), (30.0, 10)])
def test_saves_that_take_longer_are_fewer_and_never_a_minute_apart(save_s: float, saves: int) -> None:
    anvil = _Anvil()
    anvil.save_s = save_s
    watch = Watch(cast("Anvil", anvil), lambda: None, monotonic=lambda: anvil.now_s)
    for second in range(600):
        anvil.now_s = max(anvil.now_s, float(second))
        watch.look()
    assert anvil.done.count("save") == saves
    assert anvil.up
