"""Paints one picture: reads top to bottom as it is painted, from the sky to the medium.

    sky -> scenery -> ornaments behind -> subject, emblem, ornaments before -> separation -> aura -> light wrap
        -> fog, embers, rain, snow, glints -> developing -> reduction to size -> medium

Everything is worked in linear light at 1.25 times the width (small pictures: at 512 pixels, or four times the
width) and reduced by area. Lengths are written for a canvas of 1024 pixels and multiplied by k = size / 1024, so
that a preview and a print show the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.errors import Invalid
from shared.painting import invent, motif, weather
from shared.painting.colour import linear
from shared.painting.fields import F32, Field, blur, gauss, resize, spread, stream
from shared.painting.grade import develop, separate
from shared.painting.matcap import Rig, rig
from shared.painting.medium import take
from shared.painting.placement import magnification, moved, placed, viewed
from shared.painting.raster import Transform
from shared.painting.relief import ANY, Relief
from shared.painting.scenery import paint_scenery
from shared.painting.shade import Lit, shade
from shared.painting.sky import Air, air, paint_sky
from shared.painting.svg import Layer, read_layer
from shared.painting.vocabulary import Ornament, Palette, Placement, Role, Scene, Substance

SMALLEST_PX, LARGEST_PX = 64, 3072
WORKING_PX = 512
OVERSAMPLING = 1.25
INVENTED: Mapping[Role, Callable[[int], object]] = {
    "lighting": invent.lighting,
    "composition": invent.composition,
    "medium": invent.medium,
    "accent": invent.accent,
}
MAX_PARTS = 1_000
"""Of all layers of a scene together; each part costs some milliseconds."""


@dataclass(frozen=True)
class Set:
    """A scene made ready: what was left open is invented, names are looked up, colours are light."""

    scene: Scene
    palette: Palette
    rig: Rig
    air: Air
    slots: Mapping[str, str]
    substances: Mapping[str, Substance]
    seed: int
    size: int

    @property
    def k(self) -> float:
        return self.size / 1024

    def random(self, stage: str) -> np.random.Generator:
        return stream(self.seed, stage)

    def layer(self, name: str) -> Layer:
        data = self.scene.layers.get(name)
        if data is None:
            raise Invalid(f"layers.{name}", "nothing", "the bytes of a layer that the scene names")
        return _layer(name, data)


@lru_cache(maxsize=256)
def _layer(name: str, data: bytes) -> Layer:
    return read_layer(name, data)


def paint(scene: Scene, seed: int, width_px: int = 1024) -> NDArray[np.uint8]:
    """A square picture of the scene, (width_px, width_px, 3), RGB, 8 bits.

    The same scene, seed and width give the same bytes in any process; the seed moves what may move and chooses
    ornaments, clouds and sparks. `width_px` is 64 to 3072.
    """
    if not SMALLEST_PX <= width_px <= LARGEST_PX:
        raise Invalid("width_px", str(width_px), f"{SMALLEST_PX} to {LARGEST_PX}")
    ready = _ready(scene, seed, _working_size(width_px))
    picture, relief, lit, exposure = _compose(ready)
    print_ = develop(picture, ready.palette, exposure, ready.scene.composition.vignette, ready.random("grain"))
    tone = ready.scene.medium.tone
    print_ = take(print_, tone, relief, lit.occlusion, ready.palette, ready.random("medium"))
    return (resize(print_, width_px, width_px) * F32(255) + F32(0.5)).astype(np.uint8)


def _working_size(width_px: int) -> int:
    oversampled = width_px * OVERSAMPLING if width_px <= 1536 else float(width_px)
    return int(max(min(WORKING_PX, 4 * width_px), 2 * round(oversampled / 2)))


def _ready(scene: Scene, seed: int, size: int) -> Set:
    """Fills in what the scene leaves open, each role from its own number."""
    number = scene.motif_seeds
    palette = scene.palette or invent.palette(number.get("palette", 0))
    changes: dict[str, object] = {}
    for role, made in INVENTED.items():
        if role in number and role not in scene.model_fields_set:
            changes[role] = made(number[role])
    scene = scene.model_copy(update=changes) if changes else scene
    stock = {f"stock-{slot}": made for slot, made in invent.substances(number.get("material", 0)).items()}
    slots = {slot.removeprefix("stock-"): slot for slot in stock} if scene.slots is None else dict(scene.slots.slots)
    slots.setdefault(ANY, f"stock-{ANY}")
    ready = Set(
        scene=scene,
        palette=palette,
        rig=rig(scene.lighting, palette),
        air=air(scene.lighting.sky, palette),
        slots=slots,
        substances={**stock, **scene.substances},
        seed=seed,
        size=size,
    )
    for slot, name in slots.items():
        if name not in ready.substances:
            raise Invalid(f"slots.{slot}", name, "the name of a substance")
    values = (scene.form, scene.emblem, scene.composition)
    parts = sum(len(ready.layer(name).parts) for value in values if value for name in value.layer_files())
    if parts > MAX_PARTS:
        raise Invalid("layers", f"{parts} parts in one picture", f"at most {MAX_PARTS}")
    return ready


# Composition ----------------------------------------------------------------------------------------------------------


def _compose(ready: Set) -> tuple[Field, Relief, Lit, float]:
    """The picture in linear light, the subject's relief, how it is lit, and the exposure that suits it."""
    scene, k = ready.scene, ready.k
    plan = scene.composition
    picture = paint_sky(scene.lighting.sky, ready.air, ready.size, ready.random("sky"))
    for index, view in enumerate(plan.scenery):
        rng = ready.random(f"scenery {index}")
        x, y = _strayed(view.at, view.wander, rng)
        transform = placed(x, y, view.scale, 0.0, view.mirror and bool(rng.random() < 0.5))
        picture = paint_scenery(picture, ready.layer(view.layer), transform, ready.air, ready.palette, rng)
    if plan.back:
        picture = _behind(picture, ready)

    relief, tilt, centre, reach = _subject(ready)
    runes = min(2.0, scene.lighting.runes * scene.accent.runes)
    lit = shade(relief, ready.substances, ready.rig, ready.palette, runes, ready.random("surface"), tilt)

    cover = relief.cover
    picture *= spread(1 - F32(0.40) * np.clip(blur(cover, 26 * k), 0, 1))  # the subject's shadow on the air
    exposure = scene.lighting.exposure * separate(picture, lit.light, cover, k)
    if scene.accent.aura:
        glow = linear(ready.palette.glow) * F32(1 / exposure)
        weather.aura(picture, centre, reach, glow, scene.accent.aura, ready.random("aura"))
    behind = picture * spread(1 - cover)
    picture = lit.light * spread(cover)
    picture += behind
    wrap = blur(1 - cover, 7 * k) * cover * F32(0.5)  # the sky bleeds over the silhouette
    bled = blur(behind, 16 * k)
    bled *= spread(wrap)
    picture += bled
    return _in_the_air(picture, ready, cover), relief, lit, exposure


def _behind(picture: Field, ready: Set) -> Field:
    """Ornaments behind the subject, at half size, a little out of focus, with air before them."""
    plan, k = ready.scene.composition, ready.k
    relief = Relief(ready.size // 2)
    for index, ornament in enumerate(plan.back):
        rng = ready.random(f"back {index}")
        x, y = _strayed(ornament.at, ornament.wander, rng)
        turn = ornament.rotation + ornament.turn * float(rng.uniform(-1, 1))
        relief.lay(ready.layer(ornament.layer), placed(x, y, ornament.scale, turn, ornament.flip), ready.slots)
    runes = min(2.0, ready.scene.lighting.runes * 0.5)
    lit = shade(relief, ready.substances, ready.rig, ready.palette, runes, ready.random("behind"))
    hazed = lit.light * F32(0.78 * (1 - plan.haze)) + ready.air.middle * F32(plan.haze * 0.9)  # never as bright
    soft = max(plan.blur * k, 0.01)
    cover, light = gauss(relief.cover, soft), gauss(hazed * spread(relief.cover), soft)
    shadow = 1 - F32(0.45) * blur(relief.cover, 10 * k)
    full = ready.size
    picture *= spread(resize(shadow, full, full) * (1 - resize(cover, full, full)))
    picture += resize(light, full, full)
    return picture


def _subject(ready: Set) -> tuple[Relief, tuple[float, float], tuple[float, float], float]:
    """The relief of form, emblem and what is before them; its tilt; its centre and radius in shares of the canvas."""
    scene, rng = ready.scene, ready.random("subject")
    relief = Relief(ready.size)
    place: Placement = scene.composition.subject[int(rng.integers(len(scene.composition.subject)))]
    number = scene.motif_seeds
    if scene.form is not None:
        form, fit, at = ready.layer(scene.form.layer), scene.form.fit, scene.form.at
    else:
        form, fit, at = motif.form(number.get("form", 0)), 0.82, (500.0, 490.0)
    zoom = place.scale * (1 + place.zoom * float(rng.uniform(-1, 1)))
    x, y = _strayed(place.at, place.wander, rng)
    turn = place.rotation + place.turn * float(rng.uniform(-1, 1))
    flat = placed(x + (at[0] - 500) * zoom, y + (at[1] - 500) * zoom, fit * zoom, turn)
    transform = viewed(place.keystone, place.yaw) @ flat
    relief.lay(form, transform, ready.slots, lift=20)
    if "emblem" in form.anchors and (scene.emblem is not None or "emblem" in number):
        _wear(relief, form, transform, ready)
    _before(relief, ready)
    middle = moved(transform, 500, 500)
    reach = 0.47 * magnification(transform)
    return relief, (0.5 * place.yaw, -0.4 * place.keystone), (middle[0] / 1000, middle[1] / 1000), reach


def _wear(relief: Relief, form: Layer, transform: Transform, ready: Set) -> None:
    """Lays the emblem on its anchor; engraved rosettes centre on it."""
    scene = ready.scene
    x, y, size = form.anchors["emblem"]
    if scene.emblem is not None:
        emblem, scale = ready.layer(scene.emblem.layer), scene.emblem.scale
    else:
        emblem, scale = motif.emblem(scene.motif_seeds["emblem"]), 1.0
    seen = moved(transform, x, y)
    relief.focus = (seen[0] / 1000, seen[1] / 1000)
    relief.focus_size = size / 1000 * magnification(transform, x, y)
    on_form = transform @ placed(x, y, size / 1000 * scale)
    relief.lay(emblem, on_form, ready.slots, lift=4, rise=1.15, emblem=True)


def _before(relief: Relief, ready: Set) -> None:
    """Ornaments before the subject: the free ones swap places, the others stand where the artist put them."""
    plan = ready.scene.composition.front
    free = [ornament for ornament in plan if ornament.free]
    order = ready.random("front").permutation(len(free))
    swapped = iter([free[int(i)] for i in order])
    for index, ornament in enumerate(plan):
        rng = ready.random(f"front {index}")
        site: Ornament = next(swapped) if ornament.free else ornament
        x, y = _strayed(site.at, ornament.wander, rng)
        turn = ornament.rotation + ornament.turn * float(rng.uniform(-1, 1))
        flip = ornament.flip if not ornament.free else bool(rng.random() < 0.5)
        layer = ready.layer(ornament.layer)
        relief.lay(layer, placed(x, y, ornament.scale, turn, flip), ready.slots, lift=30 if ornament.free else 10)


def _in_the_air(picture: Field, ready: Set, cover: Field) -> Field:
    scene, colours, sky = ready.scene, ready.air, ready.scene.lighting.sky
    if scene.composition.fog:
        picture = weather.fog(picture, colours, scene.composition.fog, ready.random("fog"))
    sparks = min(1_500, int(sky.embers * scene.accent.embers))
    if sparks:
        weather.embers(picture, colours, sparks, ready.random("embers"))
    if sky.rain:
        weather.rain(picture, colours, sky, ready.random("rain"))
    if sky.snow:
        weather.snow(picture, colours, sky, ready.random("snow"))
    weather.glints(picture, cover, scene.accent.glints, ready.random("glints"))
    return picture


def _strayed(at: tuple[float, float], wander: float, rng: np.random.Generator) -> tuple[float, float]:
    return at[0] + wander * float(rng.uniform(-1, 1)), at[1] + wander * float(rng.uniform(-1, 1))
