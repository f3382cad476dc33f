"""Micro relief: what the hammer, the brush, the kiln and the loom leave on a surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.painting.fields import F32, Field, axes, by_index, gauss, lookup, smooth
from shared.painting.noise import cells, clouds, look
from shared.painting.relief import Relief
from shared.painting.vocabulary import Substance


@dataclass
class Micro:
    """Planes that join the normals: heights in pixels, tilts as slopes, seams 0 to 1, and noise, deviation 1/2."""

    height: Field
    tilt_right: Field
    tilt_down: Field
    seams: Field
    noise: Field


def table(relief: Relief, substances: list[Substance | None], values: dict[str, float] | str) -> Field:
    """One number of each substance as a plane: a field of the model, or a dict from its surface."""
    numbers = np.zeros(len(substances), F32)
    for index, substance in enumerate(substances):
        if substance is not None:
            if isinstance(values, str):
                numbers[index] = getattr(substance, values)
            else:
                numbers[index] = values.get(substance.surface, 0.0) * substance.grain
    return by_index(relief.substance, numbers)


def micro_relief(relief: Relief, substances: list[Substance | None], rng: np.random.Generator) -> Micro:
    """The fine structure of every substance in the relief; `substances` is indexed as `relief.names`."""
    size = relief.size
    k = size / 1024
    right, down = (int(value) for value in rng.integers(0, 1024, 2))
    noise = look(clouds(1.5, 3), size, right, down)
    flat = [np.zeros((size, size), F32) for _ in range(4)]
    micro = Micro(flat[0], flat[1], flat[2], flat[3], noise)
    present = {substance.surface for substance in substances if substance is not None}

    def grained(surface: str) -> Field:
        return table(relief, substances, {surface: 1.0})

    rough = {"hammered": 0.7, "brushed": 0.25, "crackle": 0.25, "cloth": 1.5, "stone": 3.0}
    micro.height += noise * table(relief, substances, rough)
    if "hammered" in present:
        dents = np.minimum(look(cells(900, 5)[1], size, right, down) / F32(14), 1)
        bowls = gauss(dents * (2 - dents), 2.0 * k)  # soft ridges: sharp ones look like crumpled foil
        micro.height -= bowls * F32(1.9) * grained("hammered")
    if "brushed" in present:
        micro.height += look(clouds(1.1, 9, 0.06, 1.0), size, right, down) * F32(0.22) * grained("brushed")
    if "facets" in present:
        tilted = gauss(look(cells(160, 7)[0], size, right, down), 0.8 * k) - F32(0.5)
        where = grained("facets")
        micro.tilt_right += tilted[..., 0] * F32(0.95) * where
        micro.tilt_down += tilted[..., 1] * F32(0.95) * where
        micro.height += look(clouds(2.2, 21), size, down, right) * 3 * where
    if "crackle" in present:
        micro.seams = _cracks(size, right, down) * np.minimum(grained("crackle"), 1)
    if "cloth" in present:
        x, y = axes(size)
        micro.height += np.sin(x * 1126) * np.sin(y * 1126) * F32(0.5) * grained("cloth")
    if "guilloche" in present:
        x, y = axes(size)
        x, y = x - F32(relief.focus[0]), y - F32(relief.focus[1])
        angle, radius = np.arctan2(y, x), np.sqrt(x * x + y * y) / F32(max(relief.focus_size, 0.02))
        micro.height += np.sin(angle * 48 + np.sin(radius * 28) * F32(2.2)) * F32(1.3) * grained("guilloche")
    if "stone" in present:
        micro.height += look(clouds(1.0, 23), size, down, right) * F32(1.2) * grained("stone")
    micro.height *= F32(k)
    return micro


def _cracks(size: int, right: int, down: int) -> Field:
    """Seams along warped cell borders, only in some regions: 0 = glaze, 1 = seam."""
    k = size / 1024
    border = gauss(look(cells(70, 11)[1], size, right, down), 1.3 * k)
    bend = look(clouds(1.9, 13), size, right, down) * F32(9 * k)
    x, y = np.meshgrid(np.arange(size, dtype=F32), np.arange(size, dtype=F32))
    border = lookup(border, x + bend, y + np.ascontiguousarray(bend.T))
    regions = smooth(-0.25, 0.05, look(clouds(2.0, 17), size, down, right))
    regions *= np.clip((F32(2.5) - border) / F32(1.1), 0, 1)
    return regions
