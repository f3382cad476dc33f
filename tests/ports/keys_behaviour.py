"""What every key service must do. An adapter's test derives from `KeysBehaviour` and brings the two fixtures."""

from __future__ import annotations

import pytest

from shared.errors import Defect, Invalid
from shared.ports.keys import Keys


class KeysBehaviour:
    @pytest.fixture
    def keys(self) -> Keys:
        raise NotImplementedError

    @pytest.fixture
    def strangers(self) -> Keys:
        """The same service under another master key."""
        raise NotImplementedError

    def test_a_data_key_is_opened_by_its_wrapped_form(self, keys: Keys) -> None:
        made = keys.create("collector/0xabc")
        assert len(made.plain) == 32
        assert made.plain not in made.wrapped
        opened = keys.unwrap(made.wrapped, "collector/0xabc")
        assert opened == made

    def test_no_two_data_keys_are_alike(self, keys: Keys) -> None:
        made = [keys.create("same") for _ in range(20)]
        assert len({key.plain for key in made}) == len({key.wrapped for key in made}) == 20

    @pytest.mark.parametrize("context", ["collector/b", "collector/", "collector/a ", "Collector/a", "kollektor/ä"])
    def test_another_context_opens_nothing(self, keys: Keys, context: str) -> None:
        made = keys.create("collector/a")
        with pytest.raises(Defect):
            keys.unwrap(made.wrapped, context)

    def test_a_changed_byte_opens_nothing(self, keys: Keys) -> None:
        wrapped = keys.create("c").wrapped
        for place in range(len(wrapped)):
            changed = bytearray(wrapped)
            changed[place] ^= 1
            with pytest.raises(Defect):
                keys.unwrap(bytes(changed), "c")
        for cut in (b"", wrapped[:-1], wrapped[:12], wrapped + b"\x00"):
            with pytest.raises(Defect):
                keys.unwrap(cut, "c")

    def test_another_master_key_opens_nothing(self, keys: Keys, strangers: Keys) -> None:
        strangers.create("c")
        with pytest.raises(Defect):
            strangers.unwrap(keys.create("c").wrapped, "c")

    def test_a_context_is_not_empty(self, keys: Keys) -> None:
        with pytest.raises(Invalid):
            keys.create("")

    def test_the_plain_key_is_in_no_text(self, keys: Keys) -> None:
        made = keys.create("c")
        assert made.plain.hex() not in repr(made)
        assert repr(made.plain) not in repr(made)
