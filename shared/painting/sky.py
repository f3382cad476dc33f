"""What is behind everything: a gradient, and the light and weather in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from shared.painting.colour import resolve
from shared.painting.fields import F32, Field, axes, blur, gauss, lookup, mix, resize, smooth, spread, tinted
from shared.painting.noise import TILE, clouds, look, view
from shared.painting.vocabulary import Palette, Sky


@dataclass(frozen=True)
class Air:
    """The sky's colours, resolved: linear, (3,) each, their gains applied."""

    top: Field
    middle: Field
    bottom: Field
    halo: Field
    disc: Field
    bolt: Field
    ember: Field
    rain: Field
    cloud_dark: Field
    cloud_light: Field


def air(sky: Sky, palette: Palette) -> Air:
    top, middle, bottom = (
        resolve(colour, palette) * F32(gain)
        for colour, gain in zip((sky.top, sky.middle, sky.bottom), sky.gains, strict=True)
    )
    lit = middle * F32(0.5) + bottom * F32(0.9) if sky.cloud_light is None else resolve(sky.cloud_light, palette)
    return Air(
        top=top,
        middle=middle,
        bottom=bottom,
        halo=resolve(sky.halo_color, palette),
        disc=resolve(sky.disc_color, palette),
        bolt=resolve(sky.bolt_color, palette),
        ember=resolve(sky.ember_color, palette),
        rain=resolve(sky.rain_color, palette) * F32(0.6),
        cloud_dark=resolve(sky.cloud_dark, palette) * F32(0.5),
        cloud_light=lit,
    )


def paint_sky(sky: Sky, colours: Air, size: int, rng: np.random.Generator) -> Field:
    """(size, size, 3), linear light. What a sky holds is soft, so most of it is painted at half the size."""
    half = max(64, size // 2)
    x, y = axes(half)
    upper = mix(colours.top, colours.middle, smooth(0, 0.55, y))
    picture = np.repeat(mix(upper, colours.bottom, spread(smooth(0.55, 1, y))), half, axis=1)
    places = [int(value) for value in rng.integers(0, TILE, 6)]
    if sky.halo:
        distance2 = (x - F32(sky.focus[0])) ** 2 + (y - F32(sky.focus[1])) ** 2
        picture += tinted(np.exp(-distance2 / F32(sky.halo_radius**2)) * F32(sky.halo), colours.halo)
    if sky.disc:
        picture = _disc(picture, sky, colours, places)
    if sky.clouds:
        picture = _clouds(picture, sky, colours, places)
    if sky.rays:
        picture += tinted(_rays(half, sky.rays_at, places) * F32(sky.rays), colours.halo)
    if sky.smoke:
        smoke = look(clouds(2.1, 61), half, places[4], places[5])
        picture *= spread(1 + F32(0.55 * sky.smoke) * np.clip(smoke, F32(-1.2), F32(1.6)))
        lit = smooth(0.1, 1.2, smoke) * smooth(0.2, 1.0, y)
        picture += tinted(lit * F32(0.22 * sky.smoke), colours.halo)
    picture = resize(np.maximum(picture, 0), size, size)
    if sky.stars:
        picture += tinted(_stars(size, sky.stars, rng), np.array([0.8, 0.9, 1.0], F32))
    if sky.lightning:
        bolts = sum((_bolt(size, rng) for _ in range(sky.lightning)), np.zeros((size, size), F32))
        k = size / 1024
        glow = bolts * F32(1.6) + blur(bolts, 4 * k) * F32(1.6) + blur(bolts, 26 * k) * F32(2.4)
        picture += tinted(glow + blur(bolts, 90 * k) * F32(3), colours.bolt)
    return picture


def _disc(picture: Field, sky: Sky, colours: Air, places: list[int]) -> Field:
    """A moon or a sun, its face mottled, with a glow around it."""
    size = picture.shape[0]
    x, y = axes(size)
    radius = np.sqrt((x - F32(sky.disc_at[0])) ** 2 + (y - F32(sky.disc_at[1])) ** 2) / F32(sky.disc_at[2])
    sharp = 2.0 / (size * sky.disc_at[2])
    disc = 1 - smooth(1 - sharp, 1, radius)
    limb = F32(0.65) + F32(0.35) * np.sqrt(np.clip(1 - radius * radius, 0, 1))
    seas = np.clip(look(clouds(1.9, 41), size, places[2], places[3]), -1, F32(1.2))
    face = limb * (1 - F32(0.22 * sky.craters) * seas)
    picture = picture * spread(1 - disc * F32(0.9))
    around = np.exp(-np.clip(radius - 1, 0, 9) * F32(3.2)) * (1 - disc) * F32(0.55)
    return picture + tinted((disc * face + around) * F32(sky.disc), colours.disc)


def _clouds(picture: Field, sky: Sky, colours: Air, places: list[int]) -> Field:
    """Banks of cloud whose upper edges catch the light."""
    size = picture.shape[0]
    tile = clouds(2.0, 31, 1.0, 1.9)
    thick = look(tile, size, places[0], places[1])
    above = look(tile, size, places[0], places[1] - 9)
    _, y = axes(size)
    share = smooth(-0.35, 0.9, thick) * F32(sky.clouds) * smooth(-0.2, 0.9, y + F32(sky.cloud_low))
    lit = np.clip((thick - above) * F32(1.6) + F32(0.45), F32(0.05), 1)
    return mix(picture, mix(colours.cloud_dark, colours.cloud_light, lit), share)


def _rays(size: int, at: tuple[float, float], places: list[int]) -> Field:
    """Beams that leave a point and fade."""
    x, y = axes(size)
    x, y = x - F32(at[0]), y - F32(at[1])
    angle = np.asarray((np.arctan2(y, x) / F32(2 * math.pi) + F32(0.5)) * F32(TILE), F32)
    circle = np.ascontiguousarray(np.tile(clouds(1.2, 51)[places[0]], 3)[None])
    beams = gauss(circle, 8)[:, TILE - 1 : 2 * TILE + 2]
    beams = np.ascontiguousarray(np.repeat(np.clip(beams * F32(1.5) + F32(0.35), 0, F32(1.6)), 3, axis=0))
    seen = lookup(beams, angle + 1, np.full_like(angle, 1))
    return seen * np.exp(np.sqrt(x * x + y * y) * F32(-2.1))


def _stars(size: int, share: float, rng: np.random.Generator) -> Field:
    """Points of light, few bright and many faint, none near the horizon."""
    count = int(440 * share)
    x, y, bright = rng.random(count), rng.random(count), rng.random(count) ** 4
    k = size / 1024
    plane = np.zeros((size, size), F32)
    for i in range(count):
        centre = (int(x[i] * size * 16), int(y[i] * size * 16))
        radius = max(int((0.55 + 0.9 * bright[i]) * k * 16), 6)
        cv2.circle(plane, centre, radius, float(0.12 + bright[i] * 1.3), -1, cv2.LINE_AA, 4)
    _, down = axes(size)
    return gauss(plane, 0.7 * k) * (1 - smooth(0.5, 0.9, down))


def _bolt(size: int, rng: np.random.Generator) -> Field:
    """One forked bolt from the top edge, left or right of the subject."""
    plane = np.zeros((size, size), F32)
    start = rng.uniform(0.06, 0.26) if rng.random() < 0.5 else rng.uniform(0.74, 0.94)
    open_ends = [(float(start), -0.005, math.pi / 2 + float(rng.normal(0, 0.3)), 60, 3.0)]
    branches = 0
    while open_ends:
        x, y, angle, steps, width = open_ends.pop()
        for _ in range(steps):
            length = float(rng.uniform(0.012, 0.03))
            x2, y2 = x + math.cos(angle) * length, y + math.sin(angle) * length
            thick = max(1, round(width * size / 1024))
            cv2.line(plane, _fixed(x, y, size), _fixed(x2, y2, size), 1.0, thick, cv2.LINE_AA, 3)
            x, y = x2, y2
            angle = (angle + float(rng.normal(0, 0.42))) * 0.85 + 0.15 * math.pi / 2
            if rng.random() < 0.13 and width > 1 and branches < 24:
                branches += 1
                side = -0.8 if rng.random() < 0.5 else 0.8
                open_ends.append((x, y, angle + side, steps // 3, width - 1))
    return plane


def _fixed(x: float, y: float, size: int) -> tuple[int, int]:
    return int(x * size * 8), int(y * size * 8)


def grain(size: int, rng: np.random.Generator) -> Field:
    """Film grain, deviation 1/2."""
    return view(clouds(0.25, 77), size, rng)
