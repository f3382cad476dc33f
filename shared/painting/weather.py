"""What is in the air before the subject: fog, embers, rain, snow, glints; and the aura behind it."""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np

from shared.painting.fields import F32, Field, axes, blur, brightest, gauss, scaled, smooth, spread, tinted
from shared.painting.noise import clouds, view
from shared.painting.sky import Air
from shared.painting.vocabulary import Sky


def fog(picture: Field, colours: Air, amount: float, rng: np.random.Generator) -> Field:
    """Banks of mist over the lower quarter. `amount` 0 to 1."""
    size = picture.shape[0]
    noise = view(clouds(2.0, 61, 1.0, 2.2), size, rng)
    _, y = axes(size)
    share = smooth(0.74, 1.08, y + noise * F32(0.07)) * (F32(0.75) + F32(0.35) * noise)
    mist = colours.bottom * F32(0.35) + colours.middle * F32(0.35) + colours.halo * F32(0.05)
    share = np.clip(share, 0, 1) * F32(amount)
    foot = int(size * 0.55)  # above it there is none
    picture[foot:] = picture[foot:] * spread(1 - share[foot:]) + tinted(share[foot:], mist)
    return picture


def embers(picture: Field, colours: Air, count: int, rng: np.random.Generator) -> None:
    """Sparks at three distances, more of them low; the nearest are large and out of focus. Adds to the picture."""
    size, k = picture.shape[0], picture.shape[0] / 1024
    tint, core = np.zeros((size, size), F32), np.zeros((size, size), F32)
    for share, width, soft, gain in ((1.0, 0.9, 0.7, 2.6), (0.25, 2.0, 1.4, 2.6), (1 / 16, 6.0, 4.0, 0.8)):
        plane = np.zeros((size, size), F32)
        for _ in range(int(count * share)):
            x, y = float(rng.random()), float(1 - rng.random() ** 1.5 * 1.05)
            angle, length = float(rng.normal(-math.pi / 2, 0.5)), float(rng.uniform(1, 7)) * width / 1024
            x2, y2 = x + math.cos(angle) * length, y + math.sin(angle) * length
            _stroke(plane, x, y, x2, y2, width * k, float(rng.uniform(0.3, 1.0)))
        plane = gauss(plane, soft * k)
        core += np.clip(plane - F32(0.45), 0, 1) * F32(1.5)
        tint += plane * F32(gain)
    picture += cast(Field, cv2.merge([tint * colours.ember[i] + core for i in range(3)]))


def rain(picture: Field, colours: Air, sky: Sky, rng: np.random.Generator) -> None:
    """Streaks that fall aslant. Adds to the picture."""
    size, k = picture.shape[0], picture.shape[0] / 1024
    plane = np.zeros((size, size), F32)
    for _ in range(int(420 * sky.rain)):
        x, y = float(rng.random()) * 1.2 - 0.1, float(rng.random()) * 1.1 - 0.1
        length = float(rng.uniform(0.02, 0.075))
        _stroke(plane, x, y, x - length * sky.slant, y + length, 1.1 * k, float(rng.uniform(0.05, 0.28)))
    picture += tinted(gauss(plane, 0.7 * k), colours.rain)


def snow(picture: Field, colours: Air, sky: Sky, rng: np.random.Generator) -> None:
    """Flakes at two distances. Adds to the picture."""
    size, k = picture.shape[0], picture.shape[0] / 1024
    for count, low, high, soft in ((260, 0.8, 2.0, 0.8), (36, 3.5, 8.0, 3.2)):
        plane = np.zeros((size, size), F32)
        for _ in range(int(count * sky.snow)):
            x, y, radius = float(rng.random()), float(rng.random()), float(rng.uniform(low, high))
            _stroke(plane, x, y, x + 1e-4, y + 1e-4, radius * 2 * k, float(rng.uniform(0.25, 0.8)))
        picture += tinted(gauss(plane, soft * k), colours.rain * F32(1.6))


def _stroke(plane: Field, x: float, y: float, x2: float, y2: float, width: float, value: float) -> None:
    """A line in shares of the canvas, `width` pixels; thinner than a pixel it is drawn fainter instead."""
    size = plane.shape[0]
    thick = max(1, round(width))
    start, end = (int(x * size * 16), int(y * size * 16)), (int(x2 * size * 16), int(y2 * size * 16))
    cv2.line(plane, start, end, value * min(1.0, max(width, 0.2)), thick, cv2.LINE_AA, 4)


def aura(picture: Field, centre: tuple[float, float], radius: float, colour: Field, gain: float,
         rng: np.random.Generator) -> None:  # fmt: skip
    """A corona behind the subject: a broken ring of light and beams that leave it. Adds to the picture.

    `centre` and `radius` in shares of the canvas.
    """
    half = picture.shape[0] // 2
    x, y = axes(half)
    x, y = x - F32(centre[0]), y - F32(centre[1])
    distance = np.sqrt(x * x + y * y) / F32(radius)
    lick = view(clouds(1.7, 43), half, rng)
    angle = np.arctan2(y, x) + F32(rng.uniform(0, math.tau))
    rays = np.maximum(np.sin(angle * 23) + np.sin(angle * 37) * F32(0.7) + np.sin(angle * 7) * F32(0.5), 0)
    wavy = distance + lick * F32(0.012)
    ring = np.exp(-(((wavy - 1) / F32(0.017)) ** 2)) * np.clip(F32(0.5) + lick * F32(0.9), F32(0.05), 1)
    outside = np.maximum(distance - 1, 0)
    beams = rays * np.exp(outside * F32(-5)) * smooth(1.0, 1.06, distance) * F32(0.065)
    plane = (ring * F32(0.5) + beams + np.exp(-np.abs(distance - 1) * F32(7)) * F32(0.05)) * F32(gain)
    grown = cv2.resize(np.maximum(plane, 0), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)
    picture += tinted(cast(Field, grown), colour)


def glints(picture: Field, subject: Field, count: int, rng: np.random.Generator) -> None:
    """Four-pointed sparkles on the hottest highlights of the subject. Adds to the picture."""
    size = picture.shape[0]
    coarse = np.ascontiguousarray(scaled(blur(brightest(picture) * subject, 1.5 * size / 1024), 256 / size))
    for _ in range(count):
        _, value, _, place = cv2.minMaxLoc(coarse)
        if value < 0.9:
            return
        cv2.circle(coarse, place, 24, 0.0, -1)
        x, y = int((place[0] + 0.5) * size / coarse.shape[1]), int((place[1] + 0.5) * size / coarse.shape[0])
        reach = max(3, int(size * rng.uniform(0.018, 0.042)))
        left, top, right, bottom = max(0, x - reach), max(0, y - reach), min(size, x + reach), min(size, y + reach)
        dx = ((np.arange(left, right, dtype=F32) - x) / F32(reach))[None]
        dy = ((np.arange(top, bottom, dtype=F32) - y) / F32(reach))[:, None]
        thin = F32(0.016)
        star = np.exp(-np.abs(dy) / thin) * np.clip(1 - np.abs(dx), 0, 1) ** 2
        star = star + np.exp(-np.abs(dx) / thin) * np.clip(1 - np.abs(dy), 0, 1) ** 2
        star = (star + np.exp(-(dx * dx + dy * dy) / F32(0.012))) * F32(rng.uniform(0.8, 1.5))
        picture[top:bottom, left:right] += star[..., None] * np.array([1.0, 0.96, 0.88], F32)
