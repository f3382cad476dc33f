"""The technical check: is this picture usable at all, before anyone asks whether it is good.

`inspect` refuses what is corrupt, truncated, too large, of another size or form, or a bomb without decoding it
(`shared.quality.png`), then decodes the bare pixels and refuses what shows nothing.

**Blank** is what neither departs from a plain ground nor has an edge. The spread of tones alone would be wrong both
ways: a smooth gradient has every tone and shows nothing, a pencil line on paper has two and shows a line. So the best
smooth ground (a polynomial of degree 4 in x and y: flats, linear and radial gradients, vignettes) is taken away from
each channel, and two things are measured in what is left:

- `departure`, its root mean square at the pixel, in levels of 255. Colour fields without one hard edge, hatching and
  texture all depart by 10 and more; a flat with sensor-like noise departs by that noise. Below 8: plain.
- `detail`, the share of square cells (at least 8 px, at most 64 along the longer side) where the picture bends: where
  the Laplacian exceeds 6 levels, which banding stays well below and a faint stroke exceeds, and 3.5 deviations of
  what the picture's own grain would cause there. Below 0.5 %: no edge. In a 64 x 64 grid that is 20 cells, a mark
  about 3 % as wide as the picture; a thin line across it fills ten times as many.

Only both together are blank, so a doubtful picture passes and is judged by the eye; so is loud static, which departs.
Channels count one by one, and alpha with them: red on green of the same lightness is no blank.

Source: Immerkaer 1996, "Fast Noise Variance Estimation" (the kernel for grain); MAD as a robust deviation.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shared.quality.png import Faulty, Reason, examine

__all__ = ["MIN_DEPARTURE", "MIN_DETAIL", "Faulty", "Inspection", "Reason", "inspect"]

MAX_PIXELS = 1 << 25  # above any size that can be ordered (4096 x 4096)
MIN_DETAIL = 0.005
MIN_DEPARTURE = 8.0
_DEGREE = 4
_GRID = 64
_CELL_PX = 8
_EDGE = 6.0
_GRAIN_SIGMAS = 3.5
_GRAIN_SAMPLE = 1 << 18

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Inspection:
    """A usable picture and what was measured of it; levels are 0 to 255, of pixels composed over black."""

    sha256: str
    bytes: int
    width_px: int
    height_px: int
    has_alpha: bool
    mean: float
    deviation: float  # standard deviation of the luma
    entropy_bits: float  # of the luma's histogram, 0 to 8
    departure: float  # from the best smooth ground, root mean square in levels
    detail: float  # share of cells with an edge, 0 to 1


def inspect(data: bytes, *, width_px: int, height_px: int, max_bytes: int) -> Inspection:
    """Accept a renderer's PNG of exactly this size and at most `max_bytes`, or raise `Faulty` with its reason.

    Deterministic. Memory: about 25 bytes a pixel of the size that was *ordered*, whatever the file claims.
    Raises `ValueError` for an order of more than 2**25 pixels: that is the caller's mistake, not the picture's.
    """
    if not (width_px > 0 and height_px > 0 and width_px * height_px <= MAX_PIXELS):
        raise ValueError(f"got an order of {width_px}x{height_px} px, wanted 1 to {MAX_PIXELS} pixels")
    layout = examine(data, width_px=width_px, height_px=height_px, max_bytes=max_bytes)
    pixels = _decode(layout.bare)
    ground = _ground(height_px, width_px)
    luma = np.zeros((height_px, width_px), dtype=np.float32)
    departure, bends = 0.0, np.zeros(ground.inner, dtype=bool)
    for plane, weight in _planes(pixels):
        luma += plane * np.float32(weight)
        departs, where = ground.measure(plane)
        departure = max(departure, departs)
        bends |= where
    detail = float(bends.mean()) if bends.size else 0.0
    tones = np.bincount(np.rint(luma).astype(np.uint8).ravel(), minlength=256) / luma.size
    found = Inspection(
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        width_px=width_px,
        height_px=height_px,
        has_alpha=layout.channels == 4,
        mean=round(float(luma.mean(dtype=np.float64)), 3),
        deviation=round(float(luma.std(dtype=np.float64)), 3),
        entropy_bits=round(float(-(tones[tones > 0] * np.log2(tones[tones > 0])).sum()) + 0.0, 3),
        departure=round(departure, 3),
        detail=round(detail, 5),
    )
    if departure < MIN_DEPARTURE and detail < MIN_DETAIL:
        got = f"detail in {detail:.2%} of a picture that departs {departure:.1f} levels from a plain ground"
        raise Faulty("blank", got, f"{MIN_DETAIL:.1%}, or {MIN_DEPARTURE} levels")
    return found


def _decode(bare: bytes) -> NDArray[np.uint8]:
    """height x width x 3 or 4. Pillow sees the pixels only: no text, no profile, no tag of the file."""
    try:
        with Image.open(io.BytesIO(bare), formats=("PNG",)) as image:
            return np.asarray(image, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError) as error:
        raise Faulty("corrupt", f"pixels that do not decode ({error})", "rows with filters 0 to 4") from error


def _planes(pixels: NDArray[np.uint8]) -> Iterator[tuple[Floats, float]]:
    """R, G, B composed over black with their weights in the luma, then alpha itself where there is one (weight 0).

    Alpha is looked at because a white mark on nothing is a mark. One plane at a time, for the memory's sake.
    """
    alpha = pixels[..., 3].astype(np.float32) if pixels.shape[2] == 4 else None
    for index, weight in enumerate((0.299, 0.587, 0.114)):
        plane = pixels[..., index].astype(np.float32)
        yield (plane if alpha is None else plane * (alpha / np.float32(255))), weight
    if alpha is not None:
        yield alpha, 0.0


class _Ground:
    """The smooth grounds that a picture of this size could be: what is left of it beside the best one is measured."""

    def __init__(self, height: int, width: int) -> None:
        side = min(max(_CELL_PX, -(-max(height, width) // _GRID)), height, width)
        self._side, rows, columns = side, height // side, width // side
        self._cells = rows, side, columns, side
        self.inner = max(rows - 2, 0), max(columns - 2, 0)
        self._down, self._across = _powers(height), _powers(width)
        self._down_cells = self._down[: rows * side].reshape(rows, side, -1).mean(axis=1)
        self._across_cells = self._across[: columns * side].reshape(columns, side, -1).mean(axis=1)
        # In a picture of few cells no power beyond them, or the ground would not be determined.
        powers = [(i, j) for i in range(min(rows, _DEGREE + 1)) for j in range(min(columns, _DEGREE + 1))]
        self._terms = [(i, j) for i, j in powers if i + j <= _DEGREE]
        products = [np.outer(self._down_cells[:, i], self._across_cells[:, j]).ravel() for i, j in self._terms]
        basis = np.stack(products, axis=1).astype(np.float64)
        # Least squares by the normal equations: the powers of [-1, 1] are few and far from parallel.
        self._fit = np.linalg.solve(basis.T @ basis, basis.T)

    def measure(self, plane: Floats) -> tuple[float, NDArray[np.bool_]]:
        """Departure in levels, and for each inner cell whether the plane bends there."""
        rows, side, columns, _ = self._cells
        cells = plane[: rows * side, : columns * side].reshape(self._cells).mean(axis=(1, 3))
        weights = np.zeros((_DEGREE + 1, _DEGREE + 1), dtype=np.float32)
        for (i, j), weight in zip(self._terms, self._fit @ cells.ravel(), strict=True):
            weights[i, j] = weight
        rest: Floats = (self._down @ weights @ self._across.T).astype(np.float32, copy=False)
        np.subtract(plane, rest, out=rest)
        departure = float(np.vdot(rest, rest) / rest.size) ** 0.5
        if not all(self.inner):
            return departure, np.zeros(self.inner, dtype=bool)
        cells = cells - self._down_cells @ weights @ self._across_cells.T
        around = cells[:-2, 1:-1] + cells[2:, 1:-1] + cells[1:-1, :-2] + cells[1:-1, 2:]
        grain = min(_grain(rest), MIN_DEPARTURE)  # a louder one is no grain but texture, and departs
        threshold = max(_EDGE, _GRAIN_SIGMAS * grain * 20**0.5 / self._side)
        bends: NDArray[np.bool_] = np.abs(4 * cells[1:-1, 1:-1] - around) > threshold
        return departure, bends


@lru_cache(maxsize=4)  # a collection orders one size; the largest takes 1 MB
def _ground(height: int, width: int) -> _Ground:
    return _Ground(height, width)


def _powers(length: int) -> Floats:
    """length x 5: the powers 0 to 4 of positions from -1 to 1."""
    return np.vander(np.linspace(-1, 1, length, dtype=np.float32), _DEGREE + 1, increasing=True)


def _grain(channel: Floats) -> float:
    """The noise's standard deviation: median of |[1 -2 1; -2 4 -2; 1 -2 1] * picture| over 0.6745 * 6, on a sample."""
    if min(channel.shape) < 3:
        return 0.0
    step = max(1, channel.size // _GRAIN_SAMPLE)
    curve = channel[:-2:step] - 2 * channel[1:-1:step] + channel[2::step]
    response = curve[:, :-2] - 2 * curve[:, 1:-1] + curve[:, 2:]
    return _median(np.abs(response)) / (0.6745 * 6)


def _median(values: Floats) -> float:
    """As `np.median`, which would import NumPy's masked arrays for it: a tenth of a second."""
    half = values.size // 2
    parted = np.partition(values, half, axis=None)  # asked for two places it takes four times as long
    return float(parted[half] if values.size % 2 else (parted[:half].max() + parted[half]) / 2)
