"""Coverage by resvg, for machines where skia's system libraries are missing: slower, the same shapes.

resvg draws under affine matrices only. A perspective is drawn flat first, at the scale it has in the middle of the
box, and then warped.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import resvg_py

from shared.painting.fields import Mask
from shared.painting.raster import Transform

LARGEST = 4096
"""Pixels along an edge of the flat drawing."""


def draw(xml: str, transform: Transform, width: int, height: int) -> Mask:
    matrix = transform / transform[2, 2]
    if np.allclose(matrix[2], [0, 0, 1], atol=1e-9):
        return _flat(xml, matrix, width, height)
    back = np.linalg.inv(matrix)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    layer = cv2.perspectiveTransform(corners[None], back)[0]
    low, high = np.maximum(layer.min(0), -1000.0), np.minimum(layer.max(0), 2000.0)
    middle = np.array([width / 2, height / 2])
    around = (middle + np.array([[0, 0], [1, 0], [0, 1]], np.float64))[None]
    here, right, down = cv2.perspectiveTransform(around, back)[0]
    area = abs(np.linalg.det(np.array([right - here, down - here])))  # layer units that one pixel covers
    extent = np.maximum(high - low, 1e-6)
    scale = min(1.1 / max(float(np.sqrt(area)), 1e-6), LARGEST / float(extent.max()))
    flat = np.array([[scale, 0, -low[0] * scale], [0, scale, -low[1] * scale], [0, 0, 1.0]])
    columns, rows = (max(1, int(np.ceil(side * scale))) for side in extent)
    drawn = _flat(xml, flat, columns, rows)
    warped = cv2.warpPerspective(drawn, matrix @ np.linalg.inv(flat), (width, height), flags=cv2.INTER_LINEAR)
    return cast(Mask, warped)


def _flat(xml: str, matrix: Transform, width: int, height: int) -> Mask:
    a, c, e, b, d, f = matrix[:2].ravel()
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<g transform="matrix({a:.9g} {b:.9g} {c:.9g} {d:.9g} {e:.9g} {f:.9g})">{xml}</g></svg>'
    )
    png = resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True)
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        return np.zeros((height, width), np.uint8)
    return np.ascontiguousarray(pixels[..., 3]).astype(np.uint8, copy=False)
