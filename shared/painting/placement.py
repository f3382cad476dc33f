"""Where a layer lands on the canvas: 3 x 3 matrices from layer units to canvas units, and to pixels."""

from __future__ import annotations

import math

import cv2
import numpy as np

from shared.painting.raster import Transform

UNITS = 1000.0


def placed(x: float, y: float, scale: float, rotation: float = 0.0, flip: bool = False) -> Transform:
    """The layer's centre put at (x, y), scaled, turned clockwise by degrees, mirrored first if `flip`."""
    angle = math.radians(rotation)
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    side = -1.0 if flip else 1.0
    turn = np.array([[cosine * side, -sine], [sine * side, cosine]])
    shift = np.array([x, y]) - turn @ np.array([UNITS / 2, UNITS / 2])
    return np.array([[*turn[0], shift[0]], [*turn[1], shift[1]], [0.0, 0.0, 1.0]])


def viewed(keystone: float, yaw: float) -> Transform:
    """The canvas seen from below (`keystone` > 0 narrows its top) and turned (`yaw` > 0 narrows its right side)."""
    if not keystone and not yaw:
        return np.eye(3)
    flat = np.array([[0, 0], [UNITS, 0], [UNITS, UNITS], [0, UNITS]], np.float32)
    top, bottom = keystone * 0.5, -keystone * 0.22
    near, far = abs(yaw) * 0.30, abs(yaw) * 0.55
    left, right = (-near * 0.5, far) if yaw > 0 else (far, -near * 0.5)
    shares = np.array(
        [
            [top + abs(yaw) * 0.35, keystone * 0.1 + left],
            [1 - top - abs(yaw) * 0.35, keystone * 0.1 + right],
            [1 - bottom - abs(yaw) * 0.35, 1 - right],
            [bottom + abs(yaw) * 0.35, 1 - left],
        ]
    )
    return np.asarray(cv2.getPerspectiveTransform(flat, (shares * UNITS).astype(np.float32)), np.float64)


def pixels(size: int) -> Transform:
    """From canvas units to pixels of a canvas of `size` pixels."""
    return np.diag([size / UNITS, size / UNITS, 1.0])


def moved(transform: Transform, x: float, y: float) -> tuple[float, float]:
    """Where a point lands."""
    u, v, w = transform @ np.array([x, y, 1.0])
    return float(u / w), float(v / w)


def magnification(transform: Transform, x: float = UNITS / 2, y: float = UNITS / 2) -> float:
    """How many times longer lengths near (x, y) become."""
    here = np.array(moved(transform, x, y))
    right, down = np.array(moved(transform, x + 1, y)) - here, np.array(moved(transform, x, y + 1)) - here
    return float(math.sqrt(abs(right[0] * down[1] - right[1] * down[0])))
