"""What a picture must show: its values, its seed, and nothing of the machine that painted it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.errors import Invalid
from shared.painting import raster, raster_resvg
from shared.painting.paint import paint
from shared.painting.vocabulary import Accent, Scene
from tests.unit.painting.examples import scene

Picture = NDArray[np.uint8]
SMALL = 64


def difference(first: Picture, second: Picture) -> float:
    """Mean absolute difference, levels of 255."""
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def hue(picture: Picture) -> float:
    """The mean hue, degrees, weighted by how colourful a pixel is."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(float)
    angle = np.exp(1j * np.deg2rad(hsv[..., 0] * 2)) * hsv[..., 1] * hsv[..., 2]
    return float(np.rad2deg(np.angle(angle.sum()))) % 360


@pytest.fixture(scope="module")
def plain() -> Picture:
    return paint(scene(), 7, SMALL)


def test_gives_a_square_of_colours(plain: Picture) -> None:
    assert plain.shape == (SMALL, SMALL, 3)
    assert plain.dtype == np.uint8
    assert 25 < plain.mean() < 200
    assert plain.std() > 30


def test_paints_the_same_bytes_in_another_process(plain: Picture) -> None:
    script = (
        "import hashlib; from tests.unit.painting.examples import scene; from shared.painting.paint import paint;"
        f"print(hashlib.sha256(paint(scene(), 7, {SMALL}).tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(plain.tobytes()).hexdigest()
    assert np.array_equal(paint(scene(), 7, SMALL), plain)


def test_leaves_global_randomness_alone() -> None:
    np.random.seed(5)  # the legacy state is what must not be touched
    before = np.random.random()
    np.random.seed(5)
    paint(scene(), 7, 64)
    assert np.random.random() == before


@pytest.mark.parametrize("composition", range(4))
def test_seeds_differ(composition: int) -> None:
    place = scene(composition=composition)
    assert difference(paint(place, 1, SMALL), paint(place, 2, SMALL)) > 1.0


@pytest.mark.parametrize("role", ["form", "emblem", "material", "palette", "lighting", "composition", "medium"])
def test_every_value_shows(role: str) -> None:
    choices: list[dict[str, Any]] = [{role: number} for number in range(4)]
    pictures = [paint(scene(**choice), 7, SMALL) for choice in choices]
    least = 0.8 if role == "emblem" else 5.0
    for index, one in enumerate(pictures):
        for other in pictures[:index]:
            assert difference(one, other) > least


def test_accents_differ() -> None:
    assert difference(paint(scene(accent=0), 7, SMALL), paint(scene(accent=3), 7, SMALL)) > 2.0


def test_the_palette_turns_the_hue() -> None:
    warm, cold = (hue(paint(scene(palette=number, composition=1, lighting=1), 7, SMALL)) for number in (0, 1))
    assert warm < 60 or warm > 330
    assert 150 < cold < 230


def test_the_emblem_stands_at_its_anchor() -> None:
    """The helm's anchor is (500, 278); fitted 0.80 at (500, 508) its emblem spans 0.38 to 0.62 by 0.2 to 0.45."""
    first, second = (paint(scene(emblem=number), 7, 192).astype(int) for number in (0, 1))
    changed = np.abs(first - second).max(2)
    inside = changed[int(192 * 0.22) : int(192 * 0.44), int(192 * 0.40) : int(192 * 0.60)]
    assert inside.mean() > 25
    assert inside.mean() > 8 * np.median(changed)


def test_a_preview_shows_the_same_picture() -> None:
    place = scene(composition=3, lighting=1)
    large = cv2.resize(paint(place, 3, 768), (96, 96), interpolation=cv2.INTER_AREA).astype(np.uint8)
    small = cv2.resize(paint(place, 3, 192), (96, 96), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert difference(large, small) < 8.0


@pytest.mark.parametrize("composition", [0, 1])  # without and with a perspective
def test_both_rasterisers_paint_the_same(composition: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skia", exc_type=ImportError)
    place = scene(composition=composition)
    by_skia = paint(place, 7, 192)
    monkeypatch.setattr(raster, "rasteriser", lambda: raster_resvg.draw)
    assert difference(by_skia, paint(place, 7, 192)) < 2.0


def test_paints_where_skia_cannot_be_loaded() -> None:
    script = (
        "import sys; sys.modules['skia'] = None\n"
        "from tests.unit.painting.examples import scene; from shared.painting.paint import paint\n"
        "print(paint(scene(), 7, 64).mean() > 20, 'shared.painting.raster_skia' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.parametrize("role", ["form", "emblem", "palette", "lighting", "composition", "medium", "accent"])
def test_values_without_art_are_invented_and_differ(role: str) -> None:
    choices: list[dict[str, Any]] = [{role: number, "without": (role,)} for number in (0, 1)]
    first, second = (paint(scene(**choice), 7, SMALL) for choice in choices)
    assert difference(first, second) > 0.5
    assert np.array_equal(first, paint(scene(without=(role,)), 7, SMALL))


def test_a_collection_without_any_art_paints() -> None:
    roles = ("form", "emblem", "palette", "lighting", "composition", "material", "medium", "accent")
    bare = [paint(Scene(motif_seeds=dict.fromkeys(roles, number)), 1, SMALL) for number in range(4)]
    for index, one in enumerate(bare):
        assert one.std() > 25
        for other in bare[:index]:
            assert difference(one, other) > 12.0


def test_names_of_layers_and_substances_do_not_count() -> None:
    """Renaming files and substances changes no pixel: the picture depends on what they hold."""
    old = scene(composition=3)
    words = old.model_dump()
    names = {name: f"layer-{index}.svg" for index, name in enumerate(sorted(old.layers, reverse=True))}
    made = {name: f"s{index}" for index, name in enumerate(sorted(old.substances))}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {names.get(key, key): renamed(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [renamed(inner) for inner in value]
        return names.get(value, value) if isinstance(value, str) else value

    words["slots"]["slots"] = {slot: made[name] for slot, name in words["slots"]["slots"].items()}
    words["substances"] = {made[name]: value for name, value in words["substances"].items()}
    assert np.array_equal(paint(old, 5, SMALL), paint(Scene.model_validate(renamed(words)), 5, SMALL))


def test_says_what_is_missing() -> None:
    place = scene()
    with pytest.raises(Invalid, match=r"layers\.helm\.svg"):
        paint(place.model_copy(update={"layers": {}}), 1, 64)
    with pytest.raises(Invalid, match=r"slots\."):
        paint(place.model_copy(update={"substances": {}}), 1, 64)
    for width in (32, 4096):
        with pytest.raises(Invalid, match="width_px"):
            paint(place, 1, width)


@pytest.mark.parametrize("seed", [0, 2**64, 2**255 + 1, -1])
def test_takes_any_seed(seed: int) -> None:
    assert paint(Scene(accent=Accent(glints=0)), seed, 64).shape == (64, 64, 3)
