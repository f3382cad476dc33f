"""Arithmetic on pictures: the few filters that every pass uses, typed and seeded.

A `Field` is a float32 array, (H, W) for a plane or (H, W, 3) for a picture in linear light. OpenCV runs on one
thread: pictures are painted side by side, and the order of additions must not change from run to run.
"""

from __future__ import annotations

import zlib
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

cv2.setNumThreads(1)

F32 = np.float32
Field = NDArray[np.float32]
Mask = NDArray[np.uint8]


def stream(seed: int, stage: str) -> np.random.Generator:
    """The random numbers of one stage: a stage that draws more of them moves nothing in another."""
    return np.random.default_rng([seed % (1 << 256), zlib.crc32(stage.encode())])


def spread(plane: Field) -> Field:
    """(H, W) -> (H, W, 3). NumPy broadcasts over a last axis of three several times slower than this copies."""
    return cast(Field, cv2.merge([plane, plane, plane]))


def tinted(plane: Field, colour: Field) -> Field:
    """(H, W) times a colour (3,) -> (H, W, 3)."""
    return cast(Field, cv2.merge([plane * colour[0], plane * colour[1], plane * colour[2]]))


def mix(first: Any, second: Any, share: Any) -> Field:
    """`share` of the second in the first. Planes go with planes, colours (3,) and pictures with anything."""
    if isinstance(share, np.ndarray) and share.ndim == 2:
        if getattr(first, "ndim", 0) == 1 and getattr(second, "ndim", 0) == 1:
            return cast(Field, cv2.merge([first[i] + (second[i] - first[i]) * share for i in range(3)]))
        if getattr(first, "ndim", 0) == 3 or getattr(second, "ndim", 0) == 3:
            share = spread(share)
    difference = second - first
    difference *= share
    difference += first
    return cast(Field, difference)


def brightest(picture: Field) -> Field:
    """The largest of red, green and blue, (H, W)."""
    red, green, blue = cv2.split(picture)
    return cast(Field, cv2.max(cv2.max(red, green), blue))


def by_index(index: Mask, values: Any) -> Field:
    """`values` of each pixel's index: numbers (n,) give a plane, colours (n, 3) a picture."""
    values = np.asarray(values, F32)
    if values.ndim == 2:
        return cast(Field, cv2.merge([by_index(index, values[:, i]) for i in range(3)]))
    whole = np.zeros(256, F32)
    whole[: len(values)] = values
    return cast(Field, cv2.LUT(index, whole))


def smooth(low: float, high: float, value: NDArray[np.floating[Any]]) -> Field:
    """0 below `low`, 1 above `high`, without a kink in between."""
    t = np.clip((value - F32(low)) * F32(1 / (high - low)), 0, 1)
    return cast(Field, t * t * (F32(3) - F32(2) * t))


def axes(size: int) -> tuple[Field, Field]:
    """x as (1, size) and y as (size, 1), in shares of the canvas, at pixel centres."""
    line = (np.arange(size, dtype=F32) + F32(0.5)) / F32(size)
    return line[None, :], line[:, None]


def resize(field: Field, width: int, height: int) -> Field:
    """By area when it shrinks, linearly when it grows."""
    if field.shape[1] == width and field.shape[0] == height:
        return field
    shrinks = width < field.shape[1] or height < field.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cast(Field, cv2.resize(field, (width, height), interpolation=how))


def scaled(field: Field, share: float) -> Field:
    height, width = field.shape[:2]
    return resize(field, max(1, round(width * share)), max(1, round(height * share)))


def gauss(field: Field, sigma: float) -> Field:
    """A true Gaussian of `sigma` pixels with replicated borders; for small sigmas."""
    if sigma < 0.25:
        return field
    return cast(Field, cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def blur(field: Field, sigma: float) -> Field:
    """A Gaussian of any `sigma` pixels: wide ones are taken on a smaller copy."""
    height, width = field.shape[:2]
    step = 1
    while sigma / step > 4 and min(height, width) // (step * 2) > 8:
        step *= 2
    if step == 1:
        return gauss(field, max(sigma, 0.3))
    small = resize(field, max(1, width // step), max(1, height // step))
    return cast(Field, cv2.resize(gauss(small, sigma / step), (width, height), interpolation=cv2.INTER_LINEAR))


def blur_height(field: Field, sigma: float) -> Field:
    """As `blur`, but smooth in its slope too: linear up-sampling would show as facets in the light."""
    height, width = field.shape[:2]
    step = 1
    while sigma / step > 10 and min(height, width) // (step * 2) > 8:
        step *= 2
    if step == 1:
        return gauss(field, max(sigma, 0.3))
    small = gauss(resize(field, max(1, width // step), max(1, height // step)), sigma / step)
    return gauss(cast(Field, cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)), step * 0.8)


def slopes(field: Field) -> tuple[Field, Field]:
    """The slope of a height field to the right and downwards, height per pixel."""
    right = cast(Field, cv2.Scharr(field, cv2.CV_32F, 1, 0, scale=1 / 32, borderType=cv2.BORDER_REPLICATE))
    down = cast(Field, cv2.Scharr(field, cv2.CV_32F, 0, 1, scale=1 / 32, borderType=cv2.BORDER_REPLICATE))
    return right, down


def distance(inside: Mask) -> Field:
    """For every pixel of a 0/1 mask, how far the nearest 0 is, in pixels (to about two per cent)."""
    return cast(Field, cv2.distanceTransform(inside, cv2.DIST_L2, 5))


def lookup(table: Field, x: Field, y: Field) -> Field:
    """`table` read at fractional columns `x` and rows `y`; its border is replicated."""
    return cast(Field, cv2.remap(table, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def shifted(field: Field, dx: float, dy: float) -> Field:
    """The field moved by (dx, dy) pixels, its border replicated."""
    height, width = field.shape[:2]
    move = np.array([[1, 0, dx], [0, 1, dy]], F32)
    return cast(Field, cv2.warpAffine(field, move, (width, height), borderMode=cv2.BORDER_REPLICATE))
