"""A value without art gets an ornament of its own: a layer drawn from a number, meant to look intended.

The number is the value's position in the DNA, so renaming changes nothing. Forms are round or lobed plates with
rim, spokes, studs and runes around the place of an emblem; emblems are interlaced stars, rosettes or flames of arcs.
The layer is written as an SVG and read like any artist's, so it passes the same rules.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache

from shared.painting.svg import Layer, read_layer

Points = list[tuple[float, float]]


@lru_cache(maxsize=128)
def form(number: int) -> Layer:
    """A large plate with an anchor for an emblem."""
    rng = random.Random(number * 2 + 1)  # noqa: S311  # an ornament is no secret
    fold = (6, 8, 5, 7, 10, 12, 9)[number % 7]
    outline = (_lobes, _shield, _polygon, _star)[number % 4]
    parts = [
        _part("trim", "feather", 34, 24, 2, _petals(fold * 2, 330, 470, 34, rng.random() * math.tau)),
        _part("trim", "chisel", 26, 24, 6, _petals(fold, 340, 496, 46, -math.pi / 2)),
        _part("trim", "tube", 18, 14, 4, _ring(348, 34)),
        _part("body", "dome", 70, 30, 14, _closed(outline(fold, 400))),
        _part("trim", "tube", 16, 10, 4, _stroked(_closed(outline(fold, 384)), 20)),
        _part("body2", "bevel", 16, 14, 6, _closed(outline(fold, 312))),
        _part("trim", "chisel", 16, 12, 6, _petals(fold, 176, 306, 26, -math.pi / 2 + math.pi / fold)),
        _part("rune", "cut", 6, 4, 0, _runes(fold, 246, rng)),
        _part("trim", "tube", 18, 12, 10, _ring(178, 22)),
        _part("body2", "bowl", 16, 70, 4, _disc(0, 0, 166)),
        _part("trim", "dome", 16, 10, 6, _studs(fold * 2, 350, 11)),
        _part("gem", "chisel", 30, 20, 8, _studs(fold, 350, 20, -math.pi / 2)),
    ]
    return _layer(f"form-{number}.svg", parts, 'data-anchor-emblem="500 500 300"')


@lru_cache(maxsize=128)
def emblem(number: int) -> Layer:
    """A sign that stands on its own, about 900 units wide."""
    rng = random.Random(number * 2)  # noqa: S311
    fold = (5, 8, 6, 7, 9, 12)[number % 6]
    kind = number % 3
    start = -math.pi / 2
    if kind == 0:  # an interlaced star: every point joined with the third next
        fold, skip = (7, 8, 9, 11)[number // 3 % 4], 3  # few points would read as the signs of others
        corners = [_polar(430, start + i * math.tau / fold) for i in range(fold)]
        bands = "".join(_line([corners[i], corners[(i + skip) % fold]], 40) for i in range(fold))
        parts = [
            _part("trim", "tube", 30, 20, 2, _ring(430, 26)),
            _part("emblem", "tube", 46, 22, 14, bands),
            _part("emblem", "dome", 50, 20, 20, _studs(fold, 430, 46, start)),
            _part("emblem", "dome", 60, 24, 20, _disc(0, 0, 92)),
        ]
    elif kind == 1:  # a rosette: two wreaths of petals around a boss
        parts = [
            _part("emblem", "feather", 60, 40, 4, _petals(fold, 90, 470, 96, start + math.pi / fold)),
            _part("emblem", "feather", 70, 40, 16, _petals(fold, 70, 350, 82, start)),
            _part("emblem", "dome", 60, 24, 26, _disc(0, 0, 104)),
        ]
    else:  # flames: bent petals that turn one way, in a ring
        bent = "".join(_flame(start + i * math.tau / fold, 150, 460, 70) for i in range(fold))
        parts = [
            _part("emblem", "feather", 64, 40, 6, bent),
            _part("trim", "tube", 30, 18, 16, _ring(178, 30)),
            _part("emblem", "dome", 70, 24, 16, _disc(0, 0, 150)),
        ]
    parts.append(_part("gem", "chisel", 50, 40, 20, _closed(_star(fold if rng.random() < 0.5 else 4, 74))))
    return _layer(f"emblem-{number}.svg", parts)


# Shapes, in units around (0, 0) ---------------------------------------------------------------------------------------


def _polar(radius: float, angle: float) -> tuple[float, float]:
    return radius * math.cos(angle), radius * math.sin(angle)


def _lobes(fold: int, radius: float) -> Points:
    return [
        _polar(radius * (0.94 + 0.06 * abs(math.cos(t * fold / 2)) ** 0.7), t - math.pi / 2)
        for t in (i * math.tau / 240 for i in range(240))
    ]


def _polygon(fold: int, radius: float) -> Points:
    """Straight sides, slightly hollow, so that it looks cut and not computed."""
    sides = max(6, fold)
    points = []
    for i in range(sides * 16):
        share, angle = (i % 16) / 16, i * math.tau / (sides * 16)
        hollow = 1 - 0.035 * math.sin(math.pi * share)
        flat = math.cos(math.pi / sides) / math.cos((share - 0.5) * math.tau / sides)
        points.append(_polar(radius * flat * hollow, angle - math.pi / 2))
    return points


def _star(fold: int, radius: float) -> Points:
    corners = max(4, fold)
    return [
        _polar(radius if i % 2 == 0 else radius * 0.74, i * math.pi / corners - math.pi / 2) for i in range(corners * 2)
    ]


def _shield(_: int, radius: float) -> Points:
    """A shield of arcs: hollow top, full shoulders, a point below."""
    right: Points = []
    for i in range(25):  # from the top's middle to its corner
        t = i / 24
        right.append((radius * 0.86 * t, -radius * (0.86 + 0.10 * t * t)))
    for i in range(1, 49):
        t = i / 48
        right.append((radius * 0.86 * math.cos(t * math.pi / 2) ** 0.62, radius * (-0.96 + 2.0 * t)))
    return right + [(-x, y) for x, y in reversed(right[1:-1])]


def _closed(points: Points) -> str:
    return '<path d="M' + " L".join(f"{500 + x:.1f} {500 + y:.1f}" for x, y in points) + 'Z"/>'


def _line(points: Points, width: float) -> str:
    path = " L".join(f"{500 + x:.1f} {500 + y:.1f}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="#fff" stroke-width="{width}" stroke-linecap="round"/>'


def _stroked(shape: str, width: float) -> str:
    return shape.replace("/>", f' fill="none" stroke="#fff" stroke-width="{width}" stroke-linejoin="round"/>')


def _disc(x: float, y: float, radius: float) -> str:
    return f'<circle cx="{500 + x:.1f}" cy="{500 + y:.1f}" r="{radius:.1f}"/>'


def _ring(radius: float, width: float) -> str:
    return f'<circle cx="500" cy="500" r="{radius}" fill="none" stroke="#fff" stroke-width="{width}"/>'


def _studs(count: int, radius: float, size: float, start: float = 0.0) -> str:
    return "".join(_disc(*_polar(radius, start + i * math.tau / count), size) for i in range(count))


def _petals(count: int, inner: float, outer: float, width: float, start: float) -> str:
    """Leaves that point outwards, widest past their middle."""
    drawn = []
    for i in range(count):
        angle = start + i * math.tau / count
        ahead, aside = _polar(1, angle), _polar(1, angle + math.pi / 2)

        def at(along: float, across: float, a: tuple[float, float] = ahead, b: tuple[float, float] = aside) -> str:
            return f"{500 + a[0] * along + b[0] * across:.1f} {500 + a[1] * along + b[1] * across:.1f}"

        low, high = inner + (outer - inner) * 0.35, inner + (outer - inner) * 0.7
        foot = width * 0.25
        drawn.append(
            f"M{at(inner, -foot)} C{at(low, -width)} {at(high, -width * 0.8)} {at(outer, 0)}"
            f" C{at(high, width * 0.8)} {at(low, width)} {at(inner, foot)}Z"
        )
    return f'<path d="{" ".join(drawn)}"/>'


def _flame(angle: float, inner: float, outer: float, width: float) -> str:
    points: Points = []
    for side in (-1, 1):
        row = []
        for i in range(17):
            t = i / 16
            spread = width * math.sin(math.pi * min(1.0, t * 0.86 + 0.14)) ** 0.8 * (1 - t) ** 0.35
            x, y = _polar(inner + (outer - inner) * t, angle + 0.55 * t * t)
            across = _polar(spread * side, angle + 0.9 * t + math.pi / 2)
            row.append((x + across[0], y + across[1]))
        points += row if side < 0 else row[::-1]
    return _closed(points)


def _runes(count: int, radius: float, rng: random.Random) -> str:
    """Small strokes on a circle, each sign of three lines, no two circles alike."""
    drawn = []
    for i in range(count):
        angle = -math.pi / 2 + i * math.tau / count
        nodes = [_polar(radius + rng.choice((-26, 0, 26)), angle + rng.choice((-0.07, 0.0, 0.07))) for _ in range(4)]
        drawn.append(_line([_polar(radius - 26, angle), *nodes[:3]], 8))
    return "".join(drawn)


# Writing --------------------------------------------------------------------------------------------------------------


def _part(slot: str, profile: str, h: float, r: float, z: float, shapes: str) -> str:
    return (
        f'<g data-slot="{slot}" data-profile="{profile}" data-h="{h}" data-r="{r}" data-z="{z}" data-follow="0.4">'
        f"{shapes}</g>"
    )


def _layer(name: str, parts: list[str], anchor: str = "") -> Layer:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000" {anchor}>{"".join(parts)}</svg>'
    return read_layer(name, text.encode())
