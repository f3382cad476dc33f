"""Layers become a relief: part after part is laid on a height field, each with the profile of its edge.

The painter's order is the layer's order. A part rises over a blurred copy of what lies under it, so that rivets
hug a dome and a band runs over two plates; cuts stay within the layer that they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.painting.fields import F32, Field, Mask, blur, blur_height, distance, gauss, mix, smooth
from shared.painting.placement import magnification, pixels
from shared.painting.raster import Transform, rasterise
from shared.painting.svg import Layer, Part

RUNE, GLOW, ANY = "rune", "glow", "*"
"""Slots with a meaning of their own: a cut that may glow, a surface that does, and every slot that is not mapped."""


class Relief:
    """Planes of `size` x `size` pixels that grow with every part.

    height     float32, pixels above the ground
    cover      float32, 0 to 1, coverage by any part
    substance  uint8, index into `names`; 0 = nothing
    part       int16, number of the topmost part; 0 = none
    runes, glow  float32, 0 to 1, coverage by cut runes and by glowing surfaces
    emblem     float32, 0 to 1, coverage by parts laid with `emblem=True`
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.height: Field = np.zeros((size, size), F32)
        self.cover: Field = np.zeros((size, size), F32)
        self.runes: Field = np.zeros((size, size), F32)
        self.glow: Field = np.zeros((size, size), F32)
        self.emblem: Field = np.zeros((size, size), F32)
        self.substance: Mask = np.zeros((size, size), np.uint8)
        self.part: NDArray[np.int16] = np.zeros((size, size), np.int16)
        self.parts = 0
        self.names: list[str] = [""]
        self.focus = (0.5, 0.45)
        self.focus_size = 0.3

    def lay(self, layer: Layer, transform: Transform, slots: Mapping[str, str], *, lift: float = 0.0,
            rise: float = 1.0, emblem: bool = False) -> None:  # fmt: skip
        """Lays every part of a layer. `transform`: layer to canvas units; `lift` in units; `rise` scales heights."""
        to_pixels = pixels(self.size) @ transform
        scale = magnification(to_pixels)
        own = np.zeros((self.size, self.size), np.uint8)
        for part in layer.parts:
            patch = rasterise(part.xml, to_pixels, self.size)
            if patch is None:
                continue
            rows, columns = patch.cover.shape
            box = np.s_[patch.y : patch.y + rows, patch.x : patch.x + columns]
            cover = patch.cover
            if part.profile == "cut":
                cover = cv2.min(cover, own[box]).astype(np.uint8, copy=False)
            else:
                own[box] = cv2.max(own[box], cover)
            if cover.any():
                self._lay_part(part, cover, box, scale, slots, lift * scale, rise, emblem)

    def _lay_part(self, part: Part, cover: Mask, box: tuple[slice, slice], scale: float, slots: Mapping[str, str],
                  lift: float, rise: float, emblem: bool) -> None:  # fmt: skip
        share = cover.astype(F32) * F32(1 / 255)
        solid = cover > 127
        under = self.height[box]
        profile = _profile(part, self._depth_inside(solid, box), scale, rise)
        if part.profile == "cut":
            raised = under + profile * share
        else:
            raised = self._base(part, under, solid, scale, emblem) + profile + F32(part.z * scale * rise + lift)
        self.height[box] = under * (1 - share) + raised * share
        if part.slot == RUNE:
            self.runes[box] = np.maximum(self.runes[box], share)
        else:
            self.substance[box][solid] = self._index(slots.get(part.slot, slots.get(ANY, part.slot)))
            self.runes[box] *= 1 - share
            self.glow[box] = share if part.slot == GLOW else self.glow[box] * (1 - share)
            self.parts += 1
            self.part[box][solid] = self.parts
        self.cover[box] = np.maximum(self.cover[box], share)
        self.emblem[box] = np.maximum(self.emblem[box], share) if emblem else self.emblem[box] * (1 - share)

    def _depth_inside(self, solid: NDArray[np.bool_], box: tuple[slice, slice]) -> Field:
        """Distance to the shape's own edge, pixels; where a shape leaves the canvas there is no edge."""
        framed = cv2.copyMakeBorder(solid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        if box[1].start == 0:
            framed[:, 0] = framed[:, 1]
        if box[0].start == 0:
            framed[0] = framed[1]
        if box[1].stop == self.size:
            framed[:, -1] = framed[:, -2]
        if box[0].stop == self.size:
            framed[-1] = framed[-2]
        inside = np.ascontiguousarray(distance(framed.astype(np.uint8, copy=False))[1:-1, 1:-1])
        return gauss(inside, 1.8 * self.size / 1024)  # the staircase of the pixels must not ripple inwards

    def _base(self, part: Part, under: Field, solid: NDArray[np.bool_], scale: float, emblem: bool) -> Field:
        """What the part stands on: the ground below it, smoothed, or flattened where it does not follow."""
        if part.follow >= 0.99:
            return under
        if emblem:
            return mix(under, blur(under, 8 * scale), F32(0.15))
        level = float(np.median(under[solid])) if solid.any() else 0.0
        base = blur_height(under, max(6 * scale, 2.0)) * F32(part.follow)
        base += F32((1 - part.follow) * level * 0.75)
        return base

    def _index(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)


def _bevel(inside: Field, radius: float) -> Field:
    t = _share(inside, radius)
    return np.asarray(np.sqrt(t * (2 - t)), F32)


def _share(inside: Field, radius: float) -> Field:
    """0 at the edge, 1 from `radius` pixels inwards."""
    return np.asarray(np.minimum(inside * F32(1 / radius), F32(1)), F32)


def _profile(part: Part, inside: Field, scale: float, rise: float) -> Field:
    """Height over the part's own base, pixels. `inside`: distance to the edge, pixels."""
    height = F32(part.h * scale * rise)
    radius = max(part.r * scale, 0.6)
    widest = max(float(inside.max()), 1.0)
    raised: Field
    match part.profile:
        case "dome":
            full = blur_height(_bevel(inside, widest), widest * 0.22) * F32(0.85) + F32(0.15) * _bevel(inside, widest)
            lip = F32(min(radius * 0.5, float(height) * 0.25))
            raised = height * full * _bevel(inside, min(widest, radius * 2.2)) + lip * _bevel(inside, radius)
        case "bevel":
            inner = np.sqrt(inside * F32(1 / widest))
            raised = height * (F32(0.75) * _bevel(inside, min(radius, widest)) + F32(0.25) * inner)
        case "chisel":
            raised = height * _share(inside, min(radius, widest))
        case "feather":
            raised = height * (F32(0.55 / widest) * inside + F32(0.45) * _bevel(inside, widest))
        case "tube":
            raised = height * _bevel(inside, min(radius, widest))
        case "bowl":
            raised = height * (1 - np.sin(_share(inside, min(radius, widest)) * F32(np.pi / 2))) * F32(0.9)
        case "cut":
            raised = -height * smooth(0, 1, _share(inside, min(radius, widest)))
        case "flat":
            raised = np.zeros_like(inside)
    return raised
