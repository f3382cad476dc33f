"""From light to a print: values kept apart, exposure, bloom, a film curve, split tones, clarity, vignette, grain."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from shared.painting.colour import encode, encoded, lightness
from shared.painting.fields import F32, Field, blur, gauss, resize, scaled, spread
from shared.painting.sky import grain
from shared.painting.vocabulary import Palette


def separate(picture: Field, subject: Field, cover: Field, k: float) -> float:
    """Darkens or lightens what surrounds the subject until the two differ; returns the exposure that suits the subject.

    `picture` (what is behind) is changed in place; `subject` is the lit subject, `cover` its coverage.
    """
    step = max(1, round(4 * k))
    inside = cover[::step, ::step] > 0.9
    ring = (blur(cover, 70 * k)[::step, ::step] > 0.04) & (cover[::step, ::step] < 0.1)
    own, behind = lightness(subject[::step, ::step]), lightness(picture[::step, ::step])
    if inside.sum() < 100:
        return 1.0
    middle, bright = float(np.median(own[inside])), float(np.percentile(own[inside], 95))
    if ring.sum() > 100:
        around = float(np.median(behind[ring])) + 1e-4
        if middle > around * 0.8:
            picture *= F32(np.clip(middle / (2.3 * around), 0.35, 1.0))
        elif around < 1.5 * middle:
            picture *= F32(np.clip(1.5 * middle / around + 0.2, 0.5, 1.5))
    exposure = float(np.clip(1.05 / max(bright, 1e-3), 0.55, 1.9))
    picture /= F32(exposure**0.5)
    return exposure


def develop(picture: Field, palette: Palette, exposure: float, vignette: float, rng: np.random.Generator) -> Field:
    """Linear light (H, W, 3) to sRGB values 0 to 1."""
    size = picture.shape[0]
    k = size / 1024
    half = scaled(picture, 0.5)
    hot = np.maximum(half - F32(0.75), 0)
    hot = hot / (1 + hot * F32(0.25))
    bloom = blur(hot, 3 * k / 2) * F32(0.5) + blur(hot, 6 * k) * F32(0.35) + blur(hot, 22 * k) * F32(0.3)
    picture = cast(Field, cv2.addWeighted(picture, exposure, resize(bloom, size, size), 0.35 * exposure, 0.0))
    print_ = encode(_film(picture))

    light = lightness(print_)
    dark, pale = (1 - light) ** 3 * F32(0.10), light**3 * F32(0.06)
    deep, hot_tone = encoded(palette.ink) - F32(0.08), encoded(palette.glow) - F32(0.5)
    print_ += cast(Field, cv2.merge([dark * deep[i] + pale * hot_tone[i] for i in range(3)]))
    around = blur(light, 22 * k)
    print_ *= spread(1 + F32(0.16) * (light - around) / (around + F32(0.18)))
    # Unsharp 0.22 and saturation 1.2: sharpened = 1.22 p - 0.22 blurred, then grey + 1.2 (sharpened - grey).
    sharp = cast(Field, cv2.addWeighted(print_, 1.22, gauss(print_, 1.2 * k), -0.22, 0.0))
    sharp *= F32(1.2)
    sharp -= spread(lightness(sharp) * F32(1 / 6))
    line = np.linspace(-1, 1, size, dtype=F32) ** 2 * F32(0.5)
    corner = line[None] + line[:, None]
    sharp *= spread(1 - F32(vignette) * corner * np.sqrt(corner))
    sharp += spread(grain(size, rng) * F32(0.026))
    return np.clip(sharp, 0, 1, out=sharp)


def _film(light: Field) -> Field:
    """The ACES curve in Narkowicz's fit: shoulders for highlights, a toe for shadows."""
    above = light * F32(2.51)
    above += F32(0.03)
    above *= light
    below = light * F32(2.43)
    below += F32(0.59)
    below *= light
    below += F32(0.14)
    above /= below
    return above
