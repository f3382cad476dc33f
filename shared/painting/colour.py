"""From the artist's colours to linear light and back to the eight bits of a picture."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from shared.painting.fields import F32, Field
from shared.painting.vocabulary import Colour, Palette

LUMINANCE: Field = np.array([0.30, 0.59, 0.11], F32)
"""Weights of red, green and blue in what the eye takes for lightness."""


def encoded(hex_colour: str) -> Field:
    """'#rrggbb' as sRGB values, (3,), 0 to 1."""
    return np.array([int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], F32)


def linear(hex_colour: str) -> Field:
    """'#rrggbb' as linear light, (3,), 0 to 1."""
    value = encoded(hex_colour)
    return np.where(value < 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(F32)


def resolve(colour: Colour, palette: Palette) -> Field:
    """A colour spec in the light of a palette, (3,) linear."""
    if isinstance(colour, str):
        return linear(colour if colour.startswith("#") else cast(str, getattr(palette, colour)))
    first, second, share = colour
    return (resolve(first, palette) * F32(1 - share) + resolve(second, palette) * F32(share)).astype(F32)


def encode(light: Field) -> Field:
    """Linear light 0 to 1 as sRGB values; what lies outside is clipped."""
    light = np.clip(light, 0, 1)
    curve = cast(Field, cv2.pow(light, 1 / 2.4))
    curve *= F32(1.055)
    curve -= F32(0.055)
    return np.where(light < F32(0.0031308), light * F32(12.92), curve)


def lightness(picture: Field) -> Field:
    """(H, W, 3) -> (H, W)."""
    return cast(Field, cv2.transform(picture, LUMINANCE[None]))
