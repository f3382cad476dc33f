"""What every pinner must do, whoever is behind it. An adapter's test subclasses this and says how to open one."""

from __future__ import annotations

import pytest

from shared.errors import Invalid, MonoprintError
from shared.ports.pinner import Pinner
from shared.publishing import car as cars
from shared.publishing import unixfs
from shared.publishing.cid import Cid

PICTURE = unixfs.build(bytes(range(256)) * 40, chunk_bytes=1000, max_links=4)
NOTE = unixfs.build(b'{"name":"one"}')
CAR = cars.pack([PICTURE, NOTE])


class PinnerBehaviour:
    def open(self, place: str) -> Pinner:
        """A pinner at `place`; the same place again finds what was pinned there."""
        raise NotImplementedError

    @pytest.fixture
    def place(self) -> str:
        """An empty place."""
        raise NotImplementedError

    @pytest.fixture
    def pinner(self, place: str) -> Pinner:
        return self.open(place)

    def test_what_is_pinned_is_read_back_as_a_file(self, pinner: Pinner) -> None:
        assert pinner.pin(str(PICTURE.root), CAR) == str(PICTURE.root)
        file = unixfs.read(PICTURE.root, lambda cid: pinner.read(str(cid)))
        assert file == bytes(range(256)) * 40

    def test_every_root_of_the_car_is_kept(self, pinner: Pinner) -> None:
        assert pinner.pin(str(NOTE.root), CAR) == str(NOTE.root)
        for cid, block in {**PICTURE.blocks, **NOTE.blocks}.items():
            assert pinner.read(str(cid)) == block

    def test_pinning_twice_changes_nothing(self, pinner: Pinner) -> None:
        answers = {pinner.pin(str(PICTURE.root), CAR) for _ in range(2)}
        assert answers == {str(PICTURE.root)}
        assert pinner.pin(str(NOTE.root), cars.pack([NOTE])) == str(NOTE.root)
        assert pinner.read(str(NOTE.root)) == b'{"name":"one"}'

    def test_the_empty_file_can_be_pinned(self, pinner: Pinner) -> None:
        empty = unixfs.build(b"")
        assert pinner.pin(str(empty.root), cars.pack([empty])) == str(empty.root)
        assert pinner.read(str(empty.root)) == b""

    def test_it_outlives_the_one_who_pinned(self, pinner: Pinner, place: str) -> None:
        pinner.pin(str(NOTE.root), CAR)
        assert self.open(place).read(str(NOTE.root)) == b'{"name":"one"}'

    def test_a_block_that_was_never_pinned_is_none(self, pinner: Pinner) -> None:
        assert pinner.read(str(Cid.of(b"nobody pinned this"))) is None

    def test_a_root_that_the_car_does_not_carry_is_refused(self, pinner: Pinner) -> None:
        with pytest.raises(Invalid, match="among them"):
            pinner.pin(str(Cid.of(b"another")), CAR)
        assert pinner.read(str(NOTE.root)) is None

    @pytest.mark.parametrize("damage", ["a flipped byte", "cut short", "incomplete", "a stranger", "no CAR"])
    def test_a_car_that_is_not_whole_is_refused_and_leaves_nothing(self, pinner: Pinner, damage: str) -> None:
        flipped = bytearray(CAR)
        flipped[-1] ^= 1
        damaged = {
            "a flipped byte": bytes(flipped),
            "cut short": CAR[:-1],
            "incomplete": cars.write([PICTURE.root], dict(list(PICTURE.blocks.items())[:-1])),
            "a stranger": cars.write([PICTURE.root], {**PICTURE.blocks, **NOTE.blocks}),
            "no CAR": b"PK\x03\x04",
        }[damage]
        with pytest.raises(MonoprintError):
            pinner.pin(str(PICTURE.root), damaged)
        assert all(pinner.read(str(cid)) is None for cid in PICTURE.blocks)

    @pytest.mark.parametrize(
        "cid", ["", "../../etc/passwd", "bafkrei/../../x", "Qm" + "a" * 44, "B" + "A" * 58, "b" + "a" * 57 + "/"]
    )
    def test_a_cid_of_another_form_is_refused(self, pinner: Pinner, cid: str) -> None:
        with pytest.raises(Invalid):
            pinner.read(cid)
        with pytest.raises(Invalid):
            pinner.pin(cid, CAR)
