"""Noise that every pass shares: tiles of 1024 x 1024 that repeat without a seam, made once per process.

A tile is a property of the painter, not of a picture: the seed only chooses where a picture looks at it. One tile
spans the canvas whatever its size in pixels, so that a preview shows the same clouds as the print.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from shared.painting.fields import F32, Field, resize

TILE = 1024


@lru_cache(maxsize=64)
def clouds(power: float, number: int, wide: float = 1.0, tall: float = 1.0) -> Field:
    """Fractal noise, mean 0, deviation 1/2. `power`: 0.3 = grit, 2 = clouds; `wide`, `tall` < 1 draw it out."""
    rng = np.random.default_rng([number, 11])
    down = np.fft.fftfreq(TILE)[:, None].astype(F32) * F32(tall)
    right = np.fft.rfftfreq(TILE)[None].astype(F32) * F32(wide)
    frequency = np.sqrt(down * down + right * right)
    frequency[0, 0] = 1
    amplitude = frequency ** F32(-power)
    amplitude[0, 0] = 0
    amplitude[frequency < 1.5 / TILE] = 0
    phase = rng.random(amplitude.shape, F32) * F32(2 * np.pi)
    wave = np.fft.irfft2(amplitude * (np.cos(phase) + np.complex64(1j) * np.sin(phase)), (TILE, TILE))
    return _frozen((wave / (2 * wave.std())).astype(F32))


@lru_cache(maxsize=16)
def cells(count: int, number: int) -> tuple[Field, Field]:
    """Voronoi cells: two random values per cell, (1024, 1024, 2) in 0 to 1, and the distance to the border, pixels."""
    rng = np.random.default_rng([number, 13])
    points = (rng.random((count, 2)) * TILE).astype(int)
    empty = np.full((TILE, TILE), 1, np.uint8)
    empty[points[:, 1], points[:, 0]] = 0
    around = min(TILE // 4, int(3.2 * TILE / count**0.5))  # wrapped: cells at one edge go on at the other
    wrapped = np.pad(empty, around, mode="wrap")
    _, labels = cv2.distanceTransformWithLabels(wrapped, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(wrapped == 0)
    owner = np.zeros(int(labels.max()) + 1, np.int64)
    owner[labels[rows, columns]] = ((rows - around) % TILE) * TILE + (columns - around) % TILE
    names, numbers = np.unique(owner, return_inverse=True)
    owners = numbers.astype(np.int32)[labels]
    edges = cv2.morphologyEx(owners.astype(F32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) == 0
    border = cv2.distanceTransform(edges.astype(np.uint8), cv2.DIST_L2, 5).astype(F32)
    inner = np.s_[around : around + TILE, around : around + TILE]
    values = rng.random((len(names), 2)).astype(F32)
    return _frozen(values[owners[inner]]), _frozen(np.ascontiguousarray(border[inner]))


def view(tile: Field, size: int, rng: np.random.Generator) -> Field:
    """A tile as seen by a canvas of `size` pixels, from a place that `rng` chooses."""
    down, right = rng.integers(0, TILE, 2)
    return look(tile, size, int(right), int(down))


def look(tile: Field, size: int, right: int, down: int) -> Field:
    """A tile from a given place, in tile pixels."""
    return resize(np.roll(tile, (-down, -right), (0, 1)), size, size)


def _frozen(field: Field) -> Field:
    field.flags.writeable = False
    return field
