"""Lights a relief: normals, occlusion, a marched shadow, then two matcaps per substance, dirt, wear and glow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from shared.painting import matcap
from shared.painting.colour import lightness, linear, resolve
from shared.painting.fields import (
    F32,
    Field,
    axes,
    blur,
    by_index,
    gauss,
    lookup,
    mix,
    resize,
    scaled,
    shifted,
    slopes,
    spread,
    tinted,
)
from shared.painting.relief import Relief
from shared.painting.surface import Micro, micro_relief, table
from shared.painting.vocabulary import Palette, Substance

DRIFT = 0.16
"""How far the view turns from the middle to the edge of the picture, so that flat plates are not evenly lit."""
MEAN = np.full((1, 3), 1 / 6, F32)
"""Weights that give half the mean of red, green and blue."""
MARCH = 18
"""Steps of the shadow march; their stride grows, so that long shadows cost no more."""


@dataclass
class Lit:
    """A lit relief. `light` (H, W, 3) linear; `occlusion` 1 = open; the normal's parts to the right and downwards."""

    light: Field
    occlusion: Field
    normal_right: Field
    normal_down: Field


def shade(relief: Relief, substances: Mapping[str, Substance], rig: matcap.Rig, palette: Palette, runes: float,
          rng: np.random.Generator, tilt: tuple[float, float] = (0.0, 0.0)) -> Lit:  # fmt: skip
    """The relief as it looks under the rig. `runes` 0 to 2: glow of its cut runes; `tilt`: the whole relief turned."""
    size, k = relief.size, relief.size / 1024
    used: list[Substance | None] = [substances.get(name) for name in relief.names]
    micro = micro_relief(relief, used, rng)
    right, down = _normals(relief.height, micro, k, tilt)
    occlusion, hollow, ridge = _occlusion(relief.height, k)
    open_share = _spotlight(size, rig) * (1 - F32(0.86) * _shadow(relief.height, rig.key, k))
    key, rest = _matcaps(relief, used, rig, palette, right, down)

    brightness = (cv2.transform(key, MEAN) + cv2.transform(rest, MEAN)).astype(F32, copy=False)
    key *= spread(open_share * (F32(0.45) + F32(0.55) * occlusion))
    rest *= spread(occlusion * (F32(0.72) + F32(0.28) * open_share))
    light = key
    light += rest
    _age(light, brightness, relief, used, palette, micro, occlusion, hollow, ridge)
    _emphasise_emblem(light, relief, k)
    _glow(light, relief, occlusion, palette, runes, k)
    return Lit(light, occlusion, right, down)


def _normals(height: Field, micro: Micro, k: float, tilt: tuple[float, float]) -> tuple[Field, Field]:
    """The normal's part to the right and downwards, -1 to 1, the view's drift included."""
    bumpy = gauss(height, 1.1 * k) + micro.height + micro.seams * F32(1.6 * k)
    right, down = slopes(bumpy)
    right += micro.tilt_right
    down += micro.tilt_down
    shorter = 1 / np.sqrt(right * right + down * down + 1)
    x, y = axes(height.shape[0])
    drift_right = (x * 2 - 1) * F32(DRIFT) + F32(tilt[0])
    drift_down = (y * 2 - 1) * F32(DRIFT) + F32(tilt[1])
    return -right * shorter + drift_right, -down * shorter + drift_down


def _occlusion(height: Field, k: float) -> tuple[Field, Field, Field]:
    """(open share of the sky, hollows, ridges), all 0 to 1; from heights blurred at four radii."""
    half = scaled(height, 0.5)
    buried = np.zeros_like(half)
    for radius, weight in ((2.5, 0.55), (7.0, 0.55), (20.0, 0.45), (50.0, 0.35)):
        sigma = radius * k
        buried += F32(weight) * np.clip((blur(half, sigma) - half) / F32(sigma * 1.5 + 2 * k), 0, 1)
    occlusion: Field = np.reciprocal(1 + F32(2.1) * resize(buried, height.shape[1], height.shape[0]))
    curve = np.clip((height - gauss(height, 2.4 * k)) / F32(1.6 * k), -1, 1)
    return occlusion, np.maximum(-curve, 0), np.maximum(curve, 0)


def _spotlight(size: int, rig: matcap.Rig) -> Field:
    """The key's own pool of light: 1.25 in its middle, 0.5 far away."""
    x, y = axes(size)
    across = np.exp(-((x - F32(0.5 + 0.42 * rig.key[0])) ** 2) / F32(2 * 0.36**2))
    along = np.exp(-((y - F32(0.46 - 0.42 * rig.key[1])) ** 2) / F32(2 * 0.36**2))
    return np.asarray(F32(0.5) + F32(0.75) * along * across, F32)


def _shadow(height: Field, key: Field, k: float) -> Field:
    """Share of the key that higher parts keep away, 0 to 1, marched over a copy of about 512 pixels."""
    size = height.shape[0]
    step = max(1.0, size / 512)
    low = scaled(height, 1 / step)
    flat = math.hypot(float(key[0]), float(key[1])) + 1e-6
    climb = max(float(key[2]), 0.18) / flat
    stride = 1.3 * low.shape[0] / 512
    dark = np.zeros_like(low)
    for i in range(1, MARCH + 1):
        reach = stride * i**1.35
        towards = shifted(low, -float(key[0]) / flat * reach, float(key[1]) / flat * reach)
        above = (towards - low - F32(reach * step * climb)) / F32(4 * k + reach * step * 0.22)
        dark = np.maximum(dark, np.clip(above, 0, 1) * F32(1 - 0.6 * i / MARCH))
    return resize(gauss(dark, 1.3 * low.shape[0] / 512), size, size)


def _matcaps(relief: Relief, used: list[Substance | None], rig: matcap.Rig, palette: Palette, right: Field,
             down: Field) -> tuple[Field, Field]:  # fmt: skip
    """Key and rest of every pixel: the matcaps stand one below the other in an atlas, read once each."""
    ball = matcap.BALL
    key = np.zeros((ball * len(used), ball, 3), F32)
    rest = np.zeros_like(key)
    for index, substance in enumerate(used):
        if substance is not None:
            rows = slice(index * ball, (index + 1) * ball)
            key[rows], rest[rows] = matcap.bake(substance, rig, palette)
    half = F32((ball - 1) / 2)
    column = (right + 1) * half
    row = np.clip((down + 1) * half, F32(0.5), F32(ball - 1.5)) + relief.substance * F32(ball)
    return lookup(key, column, row), lookup(rest, column, row)


def _age(light: Field, brightness: Field, relief: Relief, used: list[Substance | None], palette: Palette, micro: Micro,
         occlusion: Field, hollow: Field, ridge: Field) -> None:  # fmt: skip
    """Mottle, seams, patina, dirt and wear, each in the colour of its substance; works on `light` itself."""
    noise = micro.noise
    dirt = hollow * F32(1.3) + F32(0.25) * np.clip(noise - F32(0.2), 0, 1)
    clean = 1 - table(relief, used, "dirt") * np.clip(dirt, 0, 1)
    light *= spread(clean * (1 + table(relief, used, "mottle") * noise))
    worn = np.clip(ridge * F32(1.5) * (F32(0.75) + F32(0.9) * noise), 0, 1) * table(relief, used, "wear")
    colours = np.zeros((len(used), 3), F32)
    for index, substance in enumerate(used):
        if substance is not None:
            colours[index] = resolve(substance.wear_color, palette)
    bare = by_index(relief.substance, colours)
    bare *= spread(worn * (brightness + F32(0.02)) * F32(2.1))
    light += bare
    for index, substance in enumerate(used):
        if substance is None or (substance.seam_color is None and substance.patina is None and not substance.emit):
            continue
        here = relief.substance == index
        old, bright = light[here], brightness[here]
        if substance.seam_color is not None:
            seam = micro.seams[here][:, None]
            filled = resolve(substance.seam_color, palette) * (bright * F32(2.4) + F32(0.12))[:, None]
            old = mix(old, filled * F32(substance.seam_light), seam)
        if substance.patina is not None:
            grown = (1 - occlusion[here]) * F32(1.5) + np.clip(noise[here], 0, 1) * F32(0.5) - F32(0.45)
            green = resolve(substance.patina, palette) * (bright * F32(1.6) + F32(0.03))[:, None]
            old = mix(old, green, np.clip(grown, 0, F32(0.8))[:, None])
        if substance.emit:
            old = old + resolve(substance.color, palette) * F32(substance.emit)
        light[here] = old


def _emphasise_emblem(light: Field, relief: Relief, k: float) -> None:
    """Keeps the emblem apart from its plate: the plate darkens around it, the emblem is lifted where it must be."""
    if not relief.emblem.any():
        return
    emblem = relief.emblem
    near = blur(emblem, 16 * k)
    value = lightness(light[::2, ::2])
    inside, around = value[emblem[::2, ::2] > 0.9], value[(emblem[::2, ::2] < 0.1) & (near[::2, ::2] > 0.12)]
    if inside.size < 20 or around.size < 20:
        return
    own, plate = float(np.percentile(inside, 60)) + 1e-4, float(np.median(around)) + 1e-4
    wanted = 2.0
    if own >= plate * wanted:
        dim, lift = 0.88, 1.0
    elif own >= plate * 0.62:
        gap = plate * wanted / own  # 1 and more
        dim, lift = max(0.42, gap**-0.75), min(1.45, gap**0.35)
    else:  # a dark emblem on a pale plate reads well as it is; a little more of the same
        dim, lift = 1.06, 0.9
    pool = np.clip(blur(emblem, 26 * k) * F32(1.5), 0, 1) * (1 - emblem)
    light *= spread(1 + (F32(dim) - 1) * pool + (F32(lift) - 1) * emblem)


def _glow(light: Field, relief: Relief, occlusion: Field, palette: Palette, runes: float, k: float) -> None:
    """Runes and glowing surfaces: a hot core, and a spill that collects in hollows at two radii."""
    lit = np.maximum(relief.runes * F32(0.85 * runes), relief.glow)
    if float(lit.max()) < 0.01:
        return
    glow = linear(palette.glow)
    rows, columns = np.flatnonzero(lit.max(1)), np.flatnonzero(lit.max(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    here = np.minimum(lit[box], 1)
    core = np.clip(lit[box] * F32(1.6) - F32(0.5), 0, 1) * F32(0.45)
    hot = mix(glow, np.minimum(glow * 2 + F32(0.35), F32(1.6)), core)
    light[box] = light[box] * spread(1 - F32(0.75) * here) + hot * spread(lit[box] * F32(1.35))
    half = scaled(lit, 0.5)
    spill = resize(blur(half, 4.5 * k) * F32(0.9) + blur(half, 15 * k), lit.shape[1], lit.shape[0])
    light += tinted(spill * (1 - F32(0.75) * occlusion), glow * F32(0.75))
