"""How a substance looks under a light rig, for every direction that a surface can face.

A matcap is a picture of a ball: the colour of a surface with normal (nx, ny) stands at column nx, row ny. Two are
baked per substance, the key light alone (it will be shadowed) and everything else (it will be occluded).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from shared.painting.colour import resolve
from shared.painting.fields import F32, Field, mix, smooth
from shared.painting.vocabulary import Lighting, Palette, Substance

BALL = 96
"""Pixels along a matcap's edge."""


@dataclass(frozen=True)
class Rig:
    """A light rig with its colours resolved: directions as unit vectors (3,), colours linear (3,)."""

    key: Field
    key_colour: Field
    zenith: Field
    horizon: Field
    ground: Field
    area: tuple[tuple[Field, Field, float], ...]
    rim: tuple[tuple[Field, Field, float], ...]


def rig(lighting: Lighting, palette: Palette) -> Rig:
    gains, room = lighting.environment.gains, lighting.environment
    return Rig(
        key=_unit(lighting.key.direction),
        key_colour=resolve(lighting.key.color, palette) * F32(lighting.key.gain),
        zenith=resolve(room.zenith, palette) * F32(gains[0]),
        horizon=resolve(room.horizon, palette) * F32(gains[1]),
        ground=resolve(room.ground, palette) * F32(gains[2]),
        area=tuple(
            (_unit(light.direction), resolve(light.color, palette) * F32(light.gain), light.size)
            for light in lighting.area
        ),
        rim=tuple(
            (_unit((*light.direction, 0.0)), resolve(light.color, palette) * F32(light.gain), light.power)
            for light in lighting.rim
        ),
    )


def _unit(direction: tuple[float, ...]) -> Field:
    vector = np.asarray(direction, F32)
    length = float(np.linalg.norm(vector))
    return vector / F32(length) if length > 1e-3 else np.array([0, 0, 1], F32)


@lru_cache(maxsize=1)
def _ball() -> tuple[Field, Field, Field]:
    """Normals of the ball, x right, y up, z to the viewer; outside the disc those of its edge."""
    line = np.linspace(-1, 1, BALL, dtype=F32)
    x, y = np.meshgrid(line, -line)
    radius = np.sqrt(x * x + y * y)
    inward = np.where(radius > 0.995, 0.995 / np.maximum(radius, 1e-6), 1).astype(F32)
    x, y = x * inward, y * inward
    return x, y, np.sqrt(1 - x * x - y * y)


def bake(substance: Substance, lights: Rig, palette: Palette) -> tuple[Field, Field]:
    """(key, rest), each (BALL, BALL, 3), linear light."""
    x, y, z = _ball()
    colour, metal, rough = resolve(substance.color, palette), F32(substance.metal), F32(substance.rough)
    mirror = (2 * z * x, 2 * z * y, 2 * z * z - 1)
    grazing = (1 - z) ** 5
    head_on = colour * metal + F32(substance.f0) * (1 - metal)
    fresnel = head_on + (1 - head_on) * (grazing * (1 - F32(0.6) * rough))[..., None]

    seen = _room(lights, mirror[1], float(rough))
    rest = np.zeros_like(fresnel)
    for direction, light, size in lights.area:
        sharpness = 1 / (size * size * 0.5 + float(rough) ** 2 * 0.55 + 0.002)
        seen = seen + (np.exp((_along(mirror, direction) - 1) * sharpness) / (1 + 6 * rough))[..., None] * light
        soft = np.clip(_along((x, y, z), direction), 0, 1) * F32(0.10)
        rest += (1 - metal) * colour * light * soft[..., None]
    rest += fresnel * seen
    rest += (
        (1 - metal)
        * colour
        * F32(0.9)
        * mix(lights.ground, mix(lights.horizon, lights.zenith, 0.5), y * F32(0.5) + F32(0.5))
    )
    for direction, light, power in lights.rim:
        edge = (1 - z) ** power * np.clip(x * direction[0] + y * direction[1], 0, 1)
        rest += edge[..., None] * light * (F32(0.10) + F32(0.75) * (colour * metal + (1 - metal) * F32(0.5)))
    if substance.inner is not None:  # light gathers opposite the key and along the rim
        against = np.clip(0.15 - x * lights.key[0] - y * lights.key[1], 0, 1) ** 1.5
        gathered = (0.15 + 0.85 * against) * (0.3 + 0.7 * (1 - z)) * substance.inner_gain
        rest += resolve(substance.inner, palette) * gathered[..., None].astype(F32)

    wrap = 0.12 + 0.33 * (1 - metal)
    facing = np.clip((_along((x, y, z), lights.key) + wrap) / (1 + wrap), 0, 1)
    towards = _along(mirror, lights.key) - 1
    sharpness = 1 / (float(rough) ** 2 * 0.5 + 0.003)
    spot = np.exp(towards * sharpness) * (0.35 + 0.9 / (1 + 9 * rough * rough)) * (facing > 0)
    sheen = np.exp(towards * (sharpness * 0.12)) * F32(0.22)
    key = (1 - metal) * colour * facing[..., None]
    key = key + fresnel * (spot * F32(3.2) + sheen + F32(0.25) * metal * facing)[..., None]
    if substance.coat:
        varnish = F32(substance.coat)
        key = key + (np.exp(towards * 220) * (0.08 + grazing) * 14 * varnish)[..., None]
        rest = rest + (grazing * varnish * F32(0.8))[..., None] * mix(lights.horizon, lights.zenith, 0.5)
    return (key * lights.key_colour).astype(F32), rest.astype(F32)


def _along(vectors: tuple[Field, Field, Field], direction: Field) -> Field:
    return np.asarray(vectors[0] * direction[0] + vectors[1] * direction[1] + vectors[2] * direction[2], F32)


def _room(lights: Rig, up: Field, rough: float) -> Field:
    """The surroundings in the mirror: sky above, ground below, and between them the dark band that says metal."""
    width = 0.10 + rough * 0.9
    sky = mix(lights.horizon, lights.zenith, smooth(0, 1, up))
    floor = mix(lights.ground, lights.horizon * F32(0.25), smooth(-1, 0, up))
    room = mix(floor, sky, smooth(-width, width, up + F32(0.05)))
    band = np.exp(-(((up + F32(0.12)) / F32(0.10 + 0.35 * rough)) ** 2))
    return np.asarray(room * (1 - F32(0.75 * (1 - rough)) * band)[..., None], F32)
