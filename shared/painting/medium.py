"""How the medium takes the tones: wet edges, tinted scales, cut steps, key lines, hatching, the ground's texture."""

from __future__ import annotations

import cv2
import numpy as np

from shared.painting.colour import encode, lightness, resolve
from shared.painting.fields import F32, Field, axes, blur, distance, gauss, mix, resize, smooth, spread, tinted
from shared.painting.noise import cells, clouds, look, view
from shared.painting.relief import Relief
from shared.painting.vocabulary import Palette, Tone

PLAIN = Tone()


def take(print_: Field, tone: Tone, relief: Relief, occlusion: Field, palette: Palette,
         rng: np.random.Generator) -> Field:  # fmt: skip
    """The developed picture, (H, W, 3) sRGB values 0 to 1, as the medium shows it; a plain tone changes nothing."""
    if tone == PLAIN:
        return print_
    k = print_.shape[0] / 1024
    glowing = np.clip(gauss(np.maximum(relief.glow, relief.runes * F32(0.8)), 1.5 * k) * F32(tone.keep_glow), 0, 1)
    colourful = print_
    picture = _wet(print_, tone.bleed, k, rng)
    if tone.lift or tone.contrast != 1:
        picture = _curve(picture, tone)
    if tone.levels:
        picture = _stepped(picture, tone.levels, k)
    grey = lightness(picture)
    picture = mix(spread(grey), picture, F32(tone.saturation))
    if tone.shadow is not None and tone.light is not None:
        dark, pale = encode(resolve(tone.shadow, palette)), encode(resolve(tone.light, palette))
        picture = mix(picture, mix(dark, pale, np.clip(grey, 0, 1) ** F32(0.9)), F32(tone.tint))
    picture = mix(picture, colourful, glowing)
    ink = _ink(tone, relief, occlusion, lightness(print_), k, rng)
    if ink is not None:
        line = encode(resolve(tone.shadow if tone.shadow is not None else "ink", palette)) * F32(0.8)
        picture = mix(picture, line, ink * (1 - F32(0.6) * glowing))
    if tone.paper is not None or tone.fibre or tone.crackle:
        picture = _ground(picture, tone, relief.cover, palette, rng)
    return np.clip(picture, 0, 1)


def _wet(picture: Field, bleed: float, k: float, rng: np.random.Generator) -> Field:
    """Wet colour: it flattens inside a shape, spreads a little, and dries darker at its edge."""
    if not bleed:
        return picture
    size = picture.shape[0]
    wet = _calm(picture, 7, 42, max(1.5, bleed * k))
    wander = view(clouds(1.6, 33), size, rng)
    wet = mix(wet, gauss(wet, bleed * k * 0.6), np.clip(wander + F32(0.4), 0, 1))
    rim = lightness(wet) - lightness(gauss(wet, bleed * k))
    blotch = view(clouds(2.0, 35), size, rng) * F32(0.07)
    wet *= spread(1 + np.clip(rim * F32(0.9), F32(-0.25), F32(0.12)) + blotch)
    return wet


def _calm(picture: Field, width: int, tones: float, sigma: float) -> Field:
    """Smoothed within its edges, by a bilateral filter of `width` pixels at half size."""
    size = picture.shape[0]
    small = (np.clip(resize(picture, size // 2, size // 2), 0, 1) * F32(255)).astype(np.uint8)
    return resize(cv2.bilateralFilter(small, width, tones, sigma).astype(F32) * F32(1 / 255), size, size)


def _curve(picture: Field, tone: Tone) -> Field:
    grey = F32(0.42)
    picture = np.asarray((picture - grey) * F32(tone.contrast) + grey, F32)
    middle = np.clip(1 - np.abs(picture - F32(0.4)) * F32(1.6), 0, 1)
    picture += middle * F32(tone.lift)
    return np.clip(picture, 0, 1)


def _stepped(picture: Field, levels: int, k: float) -> Field:
    """Flat steps of tone with clean edges; hues stay."""
    calm = _calm(picture, 9, 48, 4 * k)
    light = np.clip(lightness(calm), F32(1e-3), 1)
    scaled_light = np.sqrt(light) * F32(levels)
    edge = F32(0.5 / max(k, 0.25) * 0.12)
    step = np.floor(scaled_light) + np.clip((scaled_light - np.floor(scaled_light) - F32(0.5)) / edge + F32(0.5), 0, 1)
    value = np.minimum(step / F32(levels), 1) ** 2 + F32(0.015)
    calm *= spread(value / light)
    return np.clip(calm, 0, 1)


def _ink(tone: Tone, relief: Relief, occlusion: Field, light: Field, k: float,
         rng: np.random.Generator) -> Field | None:  # fmt: skip
    """Coverage by ink, 0 to 1: key lines along the parts, wider around the whole, hatching that follows the form."""
    if not tone.outline and not tone.hatch:
        return None
    size = relief.size
    ink = np.zeros((size, size), F32)
    hand = view(clouds(1.5, 72), size, rng)
    if tone.outline:
        width = F32(tone.outline_width * k)
        inner = _from_edges(np.where(relief.cover > 0.5, relief.part, 0).astype(F32))
        outer = _from_edges((relief.cover > 0.5).astype(F32))
        lines = np.clip(width * (F32(0.62) + F32(0.32) * hand) * F32(0.5) - inner + F32(0.8), 0, 1) * F32(0.85)
        contour = np.clip(width * (F32(1.0) + F32(0.35) * hand) - outer + F32(0.8), 0, 1)
        pooled = smooth(0.30, 0.62, (F32(0.62) - occlusion) * 3) * relief.cover * F32(0.6)
        ink = np.maximum.reduce([gauss(lines, 0.5 * k), gauss(contour, 0.6 * k), pooled]) * F32(tone.outline)
    if tone.hatch:
        x, y = axes(size)
        phase = (x * F32(0.28) + y * F32(0.96)) * F32(1024 / 7) + hand * F32(0.6)
        phase += gauss(relief.height, 2 * k) / F32(k * 9)
        wave = np.abs(phase - np.floor(phase) - F32(0.5)) * 2
        dark = np.clip(F32(0.42) - blur(light, 3 * k), 0, F32(0.42)) / F32(0.42)
        ink = np.maximum(ink, smooth(0.0, 0.25, dark * F32(0.9) - wave) * F32(tone.hatch))
    return ink


def _from_edges(labels: Field) -> Field:
    """Distance to the nearest change of label, pixels."""
    change = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) == 0
    return distance(change.astype(np.uint8))


def _ground(picture: Field, tone: Tone, cover: Field, palette: Palette, rng: np.random.Generator) -> Field:
    """Paper, plaster or plate: its colour in the lights, its fibres, its cracks, its bare margin."""
    size, k = picture.shape[0], picture.shape[0] / 1024
    fibres = view(clouds(1.1, 81), size, rng) * F32(0.6) + view(clouds(1.1, 82, 0.25, 1.0), size, rng) * F32(0.5)
    relief = np.clip((fibres - np.roll(fibres, (1, 1), (0, 1))) * F32(1.2 * max(k, 0.5)) + fibres * F32(0.25), -1, 1)
    texture = np.asarray(1 + relief * F32(0.10 * tone.fibre), F32)
    if tone.paper is not None:
        paper = encode(resolve(tone.paper, palette))
        # The ground lies under the pigment: lights take its colour, darks keep their own.
        under = tinted(F32(0.25) + F32(0.8) * lightness(picture), paper)
        picture = mix(picture, under + picture * F32(0.12), F32(tone.paper_share))
        if tone.dissolve:
            near = np.clip(blur(cover, 46 * k) * F32(1.9) + view(clouds(1.8, 85), size, rng) * F32(0.42), 0, 1)
            kept = 1 - F32(tone.dissolve) * (1 - smooth(0.25, 0.85, near)) * (1 - cover)
            picture = mix(paper, picture, kept)
        if tone.margin:
            x, y = axes(size)
            edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) * 1000
            ragged = edge + view(clouds(1.3, 83), size, rng) * F32(2.2)
            picture = mix(paper * F32(0.985), picture, smooth(tone.margin - 1.5, tone.margin + 1.5, ragged))
    if tone.crackle:
        down, right = (int(value) for value in rng.integers(0, 1024, 2))
        border = gauss(look(cells(700, 19)[1], size, right, down), 0.9 * k)
        where = smooth(0.1, 0.6, look(clouds(1.8, 37), size, down, right))
        cracks = np.clip(F32(1.5) - border, 0, 1) * where * F32(tone.crackle)
        worn = smooth(0.55, 0.9, view(clouds(1.5, 39), size, rng)) * F32(0.5 * tone.crackle)
        bare = encode(resolve(tone.paper if tone.paper is not None else "metal", palette))
        picture = mix(picture, bare, worn * F32(0.55)) * spread(1 - F32(0.42) * cracks)
    picture *= spread(texture)
    return picture
