"""Draws the shapes of one part as coverage, and says which rasteriser does it.

skia is fast and knows perspective; resvg needs no system library. Either is enough, and a picture differs between
them only along antialiased edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.painting.fields import Mask

Transform = NDArray[np.float64]
"""3 x 3, from layer units to pixels, column vectors; its last row makes perspective."""

COARSE = 8
"""A part is first drawn this many times smaller, to find the box worth drawing finely."""


class Rasteriser(Protocol):
    def __call__(self, xml: str, transform: Transform, width: int, height: int) -> Mask:
        """Coverage of the shapes in `xml`, (height, width), 0 to 255; antialiased, colours ignored."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Coverage of a part within the box that holds it; (x, y) is its top left pixel on the canvas."""

    x: int
    y: int
    cover: Mask


@lru_cache(maxsize=1)
def rasteriser() -> Rasteriser:
    """skia where it loads (it needs the system's libGL and libEGL), else resvg."""
    try:
        from shared.painting import raster_skia
    except ImportError:
        from shared.painting import raster_resvg

        return raster_resvg.draw
    return raster_skia.draw


def rasterise(xml: str, transform: Transform, size: int, pad: int = 3) -> Patch | None:
    """The part on a canvas of `size` x `size` pixels, or None where nothing of it shows."""
    draw = rasteriser()
    small = -(-size // COARSE)
    seen = draw(xml, np.diag([1 / COARSE, 1 / COARSE, 1.0]) @ transform, small, small) > 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not rows.size:
        return None
    margin = COARSE // 2 + pad
    left, top = max(0, int(columns[0]) * COARSE - margin), max(0, int(rows[0]) * COARSE - margin)
    right = min(size, (int(columns[-1]) + 1) * COARSE + margin)
    bottom = min(size, (int(rows[-1]) + 1) * COARSE + margin)
    move = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top], [0.0, 0.0, 1.0]])
    return Patch(left, top, draw(xml, move @ transform, right - left, bottom - top))
