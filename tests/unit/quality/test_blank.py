"""Blank or not: every picture here stands for a way in which renderers fail, or in which artists draw."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from shared.quality.technical import Faulty, inspect
from tests.unit.quality.pngs import Pixels, drawing, grey, png

NOISE = np.random.default_rng(7)
N = 512
Y, X = np.mgrid[:N, :N] / N
FLAT = np.full((N, N), 128.0)


def marked(size: float, level: int) -> Pixels:
    """A round mark on paper; `size` is its width as a share of the picture's."""
    image = Image.new("RGB", (N, N), (240, 240, 240))
    low, high = N * (0.5 - size / 2), N * (0.5 + size / 2)
    ImageDraw.Draw(image).ellipse((low, low, high, high), fill=(level,) * 3)
    return np.asarray(image)


def fields() -> Pixels:
    """Colour fields without one hard edge."""
    image = Image.new("RGB", (N, N), (20, 30, 60))
    for step in range(5):
        corner = (N * 0.1 * step, N * 0.12 * step, N * (0.1 * step + 0.4), N * (0.12 * step + 0.3))
        ImageDraw.Draw(image).ellipse(corner, fill=(60 + 40 * step, 200 - 30 * step, 90))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(N / 12)))


def on_nothing(alpha: int) -> Pixels:
    """A white mark of this opacity, on white that is wholly transparent."""
    pixels = np.full((N, N, 4), 255, dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[150:300, 150:300, 3] = alpha
    return pixels


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(grey(FLAT * 0), id="black, as a failed decoder leaves it"),
        pytest.param(grey(FLAT), id="flat"),
        pytest.param(grey(FLAT + NOISE.normal(0, 1, (N, N))), id="faint noise on flat"),
        pytest.param(grey(FLAT + NOISE.normal(0, 6, (N, N))), id="noise on flat"),
        pytest.param(grey(X * 255), id="linear gradient"),
        pytest.param(grey((X + Y) * 127), id="diagonal gradient"),
        pytest.param(grey(255 - np.hypot(X - 0.5, Y - 0.5) * 360), id="radial gradient"),
        pytest.param(grey(255 * np.cos(np.hypot(X - 0.4, Y - 0.5) * 1.6) ** 4), id="vignette"),
        pytest.param(grey(X * 255 + NOISE.normal(0, 5, (N, N))), id="gradient with noise"),
        pytest.param(marked(0.015, 30), id="a speck"),
        pytest.param(np.zeros((N, N, 4), dtype=np.uint8), id="wholly transparent"),
        pytest.param(on_nothing(2), id="a mark nobody sees"),
    ],
)
def test_blank_pictures_are_refused(pixels: Pixels) -> None:
    with pytest.raises(Faulty) as caught:
        inspect(png(pixels), width_px=N, height_px=N, max_bytes=1 << 23)
    assert caught.value.reason == "blank"


def striped() -> Pixels:
    return grey(np.where((Y * N).astype(int) // 2 % 2, 60.0, 200.0))


def isoluminant() -> Pixels:
    pixels = np.zeros((N, N, 3), dtype=np.uint8)
    pixels[:, : N // 2, 0], pixels[:, N // 2 :, 1] = 200, 102
    return pixels


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(drawing(N), id="drawing"),
        pytest.param(marked(0.06, 30), id="a small mark on paper"),
        pytest.param(marked(0.4, 228), id="a faint mark on paper"),
        pytest.param(np.clip(marked(0.4, 215) + NOISE.normal(0, 4, (N, N, 3)), 0, 255).astype(np.uint8), id="grainy"),
        pytest.param(fields(), id="colour fields without an edge"),
        pytest.param(striped(), id="fine stripes"),
        pytest.param(isoluminant(), id="red on green of one lightness"),
        pytest.param(on_nothing(255), id="white on nothing"),
        pytest.param(grey(NOISE.uniform(0, 255, (N, N))), id="loud static, which is the eye's to judge"),
    ],
)
def test_pictures_that_show_something_pass(pixels: Pixels) -> None:
    assert inspect(png(pixels), width_px=N, height_px=N, max_bytes=1 << 23).detail >= 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 2), (7, 9), (64, 65)])
def test_small_and_narrow_pictures_are_measured_too(size: tuple[int, int]) -> None:
    width, height = size
    flat = np.full((height, width, 3), 90, dtype=np.uint8)
    with pytest.raises(Faulty) as caught:
        inspect(png(flat), width_px=width, height_px=height, max_bytes=1 << 20)
    assert caught.value.reason == "blank"
