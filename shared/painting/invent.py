"""What a value without `paint:` looks like: every part of the picture that the artist left open, from a number.

The numbers are positions in the DNA. So a collection of bare names already gives pictures that differ value by value.
"""

from __future__ import annotations

import colorsys

from shared.painting.vocabulary import (
    Accent,
    AreaLight,
    Composition,
    Environment,
    KeyLight,
    Lighting,
    Medium,
    Palette,
    Placement,
    RimLight,
    Sky,
    Substance,
    Tone,
)

GOLDEN = 0.61803398875


def palette(number: int) -> Palette:
    """Hues a golden angle apart; the glow stands across the wheel from the sky."""
    hue = (0.07 + number * GOLDEN) % 1.0

    def tone(turn: float, lightness: float, saturation: float) -> str:
        rgb = colorsys.hls_to_rgb((hue + turn) % 1.0, lightness, saturation)
        return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)

    return Palette(
        ink=tone(0.0, 0.06, 0.35),
        sky=tone(0.0, 0.28, 0.36),
        body=tone(0.04, 0.38, 0.16),
        metal=tone(0.52, 0.62, 0.5),
        glow=tone(0.5, 0.60, 0.85),
    )


def lighting(number: int) -> Lighting:
    """A key from one of six sides, a rim against it, and a sky with a halo, a disc or clouds."""
    x = (-0.55, 0.5, -0.3, 0.6, 0.0, -0.65)[number % 6]
    y = (0.5, 0.6, 0.8, 0.3, 0.75, 0.2)[number % 6]
    sky = (
        Sky(top="ink", middle=("sky", "ink", 0.5), halo=0.6, smoke=0.6, embers=60),
        Sky(top="ink", middle=("sky", "ink", 0.4), gains=(0.4, 0.4, 0.4), stars=1.0, disc=0.5, embers=20),
        Sky(top=("sky", "ink", 0.5), clouds=0.8, rays=0.5, halo=0.3, embers=30),
        Sky(top="ink", clouds=0.9, cloud_low=0.3, rain=0.5),
    )[number % 4]
    return Lighting(
        key=KeyLight(direction=(x, y, 0.65), color=("#fff4e6", "sky", 0.1 * (number % 3)), gain=1.6),
        environment=Environment(),
        area=(
            AreaLight(direction=(x, y, 0.4), color="#fff2e0", gain=2.4, size=0.3),
            AreaLight(direction=(-x, -0.2, 0.3), color="glow", gain=1.4, size=0.4),
        ),
        rim=(
            RimLight(direction=(-1 if x > 0 else 1, 0.2), color=("glow", "#ffffff", 0.3), gain=2.6),
            RimLight(direction=(1 if x > 0 else -1, 0.4), color=("sky", "#ffffff", 0.5), gain=2.0),
        ),
        sky=sky,
        runes=0.9,
    )


def composition(number: int) -> Composition:
    """Frontal, near, low or turned."""
    place = (
        Placement(scale=1.0),
        Placement(at=(450, 570), scale=1.45, rotation=-8, wander=30, turn=4),
        Placement(scale=1.08, keystone=0.18),
        Placement(at=(500, 500), scale=1.0, rotation=6, yaw=0.10, turn=3),
    )[number % 4]
    return Composition(subject=(place,), fog=(0.0, 0.0, 0.5, 0.3)[number % 4])


def medium(number: int) -> Medium:
    tone = (
        Tone(),
        Tone(shadow="ink", light="#f1e8d6", tint=0.5, saturation=1.3, contrast=1.2, keep_glow=0.9, bleed=4,
             outline=0.8, paper="#f0e7d3", paper_share=0.35, dissolve=0.9, fibre=0.6, margin=20),
        Tone(levels=5, outline=0.9, outline_width=3, hatch=0.5, keep_glow=0.8, paper="#f1e6cf", paper_share=0.25,
             margin=30),
        Tone(saturation=0.9, contrast=1.06, lift=0.04, paper="#d9c7a6", paper_share=0.32, fibre=0.8, crackle=0.6),
    )[number % 4]  # fmt: skip
    return Medium(tone=tone)


def accent(number: int) -> Accent:
    rank = number % 4
    return Accent(runes=0.3 * (rank + 1), embers=0.5 * (rank + 1), glints=2 * rank, aura=(0.0, 0.0, 0.3, 0.7)[rank])


def substances(number: int) -> dict[str, Substance]:
    """Slot -> substance, for every slot that the built-in motifs have; '*' is what anything else is made of."""
    body = (
        Substance(color=("#3a3d44", "body", 0.5), metal=1, rough=0.34, surface="hammered", wear=0.8, dirt=0.6),
        Substance(color=("#e8e0d2", "body", 0.25), rough=0.28, surface="crackle", coat=0.7, seam_color="metal"),
        Substance(color=("metal", "body", 0.3), metal=1, rough=0.26, surface="brushed", dirt=0.55, wear=0.7),
        Substance(color=("ink", "body", 0.3), rough=0.1, f0=0.11, surface="facets", inner=("sky", "glow", 0.35),
                  inner_gain=0.45, coat=0.4),
        Substance(color=("body", "sky", 0.3), rough=0.6, surface="stone", mottle=0.3, dirt=0.6),
    )[number % 5]  # fmt: skip
    trim = Substance(color=("#f0ad45", "metal", 0.6), metal=1, rough=0.21, surface="brushed", grain=0.7, dirt=0.5)
    return {
        "*": body,
        "body": body,
        "body2": Substance(color=("sky", "ink", 0.45), rough=0.2, f0=0.06, surface="guilloche", coat=0.5),
        "trim": trim,
        "emblem": trim,
        "gem": Substance(color=("glow", "ink", 0.45), rough=0.06, f0=0.12, surface="facets", inner="glow",
                         inner_gain=1.5, coat=1),
        "cloth": Substance(color=("sky", "ink", 0.5), rough=0.7, surface="cloth"),
        "void": Substance(color="#050406", rough=0.8, f0=0.01, mottle=0, dirt=0, wear=0),
        "glow": Substance(color="glow", rough=0.5, dirt=0, wear=0, emit=0.6),
    }  # fmt: skip
