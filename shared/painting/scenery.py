"""Silhouettes in the distance: the farther, the paler; rock from noise, a lit lip, mist at the foot."""

from __future__ import annotations

import numpy as np

from shared.painting.colour import linear
from shared.painting.fields import F32, Field, gauss, mix, resize, spread, tinted
from shared.painting.noise import clouds, view
from shared.painting.placement import pixels
from shared.painting.raster import Transform, rasterise
from shared.painting.relief import GLOW
from shared.painting.sky import Air
from shared.painting.svg import Layer
from shared.painting.vocabulary import Palette


def paint_scenery(picture: Field, layer: Layer, transform: Transform, colours: Air, palette: Palette,
                  rng: np.random.Generator) -> Field:  # fmt: skip
    """The picture with the layer's parts before it. Painted at half size, since it is out of focus anyway."""
    full = picture.shape[0]
    size = max(64, full // 2)
    k = size / 512
    paint, cover = np.zeros((size, size, 3), F32), np.zeros((size, size), F32)
    far = colours.bottom * F32(0.55) + colours.middle * F32(0.6)
    near = linear(palette.ink) * F32(0.55)
    rows = np.arange(size, dtype=F32)[:, None]
    for part in layer.parts:
        patch = rasterise(part.xml, pixels(size) @ transform, size)
        if patch is None:
            continue
        box = np.s_[patch.y : patch.y + patch.cover.shape[0], patch.x : patch.x + patch.cover.shape[1]]
        mask = np.zeros((size, size), F32)
        mask[box] = patch.cover.astype(F32) / 255
        if part.slot == GLOW:
            paint = paint * spread(1 - mask * F32(0.6)) + tinted(mask, colours.halo * F32(0.9))
            cover = np.maximum(cover, mask * F32(0.6))
            continue
        depth = F32(part.depth)
        top = float(np.flatnonzero(mask.max(1) > 0.5)[0]) if (mask.max(1) > 0.5).any() else 0.0
        down = np.clip((rows - F32(top)) / F32(max(1.0, size - top)), 0, 1)
        mist = np.clip(down * F32(1.6), 0, 1) * (F32(0.12) + F32(0.5) * depth)
        colour = mix(mix(near, far, depth), far * F32(1.05), np.broadcast_to(mist, (size, size)))
        stone = view(clouds(1.75, 27), size, rng)
        relief = np.clip((stone - _shift(stone, 3 * k, 4 * k)) * F32(1.5), F32(-0.6), F32(0.9))
        relief *= (1 - F32(0.75) * depth) * (1 - down * F32(0.8))
        lip = gauss(np.clip(mask - _shift(mask, k, 2 * k), 0, 1), 1.2 * k) * (F32(0.04) + F32(0.22) * depth)
        light = colour * spread(1 + relief) + tinted(lip, colours.halo * F32(0.12) + colours.bottom + far)
        paint = mix(paint, light, mask)
        cover = np.maximum(cover, mask)
    picture *= spread(1 - resize(cover, full, full))
    picture += resize(paint, full, full)
    return picture


def _shift(plane: Field, right: float, down: float) -> Field:
    return np.roll(plane, (max(1, round(down)), max(1, round(right))), (0, 1))
