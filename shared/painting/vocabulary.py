"""The artist's words: what the `paint:` block of a value may say, and the `Scene` that the painter receives.

A trait of a collection may play one of the roles below; the `paint:` of each of its values is then one of these
models. Nothing here knows any trait or value. Every number is finite and bounded, every list is short, so that no
collection, however hostile, can hang the painter or fill the memory.

Coordinates: the canvas is 1000 x 1000 units, x to the right, y down, whatever the picture's size in pixels.
Directions: x to the right, y *up*, z towards the viewer, as a light stands in a room. Angles are degrees,
clockwise. Gains multiply linear light; 1 is the brightness of white paper in the key light.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared.model import Model

Role = Literal["form", "emblem", "palette", "lighting", "composition", "material", "medium", "accent"]
"""What a trait may play in the picture. A trait that plays nothing only speaks to the prompt."""

PaletteSlot = Literal["ink", "sky", "body", "metal", "glow"]
Surface = Literal["smooth", "hammered", "brushed", "facets", "crackle", "cloth", "guilloche", "stone"]
Finish = Literal["relief"]

PALETTE_SLOTS: tuple[str, ...] = get_args(PaletteSlot)
COLOUR_WANTED = (
    "wanted '#rrggbb', a palette slot (ink, sky, body, metal, glow) or a mix [colour, colour, 0..1], at most two deep"
)
_HEX = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


def _colour(value: Any, depth: int = 0) -> str | tuple[Any, Any, float]:
    """A colour spec with its lists turned into tuples."""
    if isinstance(value, str) and (value in PALETTE_SLOTS or _HEX.fullmatch(value)):
        return value
    if isinstance(value, list | tuple) and len(value) == 3 and depth < 2:
        share = value[2]
        if isinstance(share, int | float) and not isinstance(share, bool) and 0.0 <= share <= 1.0:
            return _colour(value[0], depth + 1), _colour(value[1], depth + 1), float(share)
    raise PydanticCustomError("colour", COLOUR_WANTED)


def _not_a_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number", "wanted a number")
    return value


Hex = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Colour = Annotated[str | tuple[Any, Any, float], BeforeValidator(_colour)]
"""'#rrggbb', the name of a palette slot, or [a, b, t]: t of b mixed into a, in linear light."""

Number = Annotated[float, BeforeValidator(_not_a_flag)]
Share = Annotated[Number, Field(ge=0, le=1)]
Gain = Annotated[Number, Field(ge=0, le=10)]
Unit = Annotated[Number, Field(ge=-1000, le=2000)]
Degrees = Annotated[Number, Field(ge=-360, le=360)]
Component = Annotated[Number, Field(ge=-1, le=1)]
Point = tuple[Unit, Unit]
Fraction = Annotated[Number, Field(ge=-0.5, le=1.5)]
LayerFile = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.svg$")]
SlotName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,31}|\*)$")]
SubstanceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Words(Model, allow_inf_nan=False):
    """The base of the vocabulary: unknown words are refused, numbers are finite, nothing changes afterwards."""

    def layer_files(self) -> tuple[str, ...]:
        """The files under `art/` that this value needs, in the order in which it names them."""
        return ()


class Palette(Words):
    """Five colours that the whole picture is mixed from."""

    ink: Hex = Field(description="the darkest colour: lines, depths, the night above")
    sky: Hex = Field(description="the far colour: air, haze, distance")
    body: Hex = Field(description="tints the main substance of the subject")
    metal: Hex = Field(description="tints trim and emblem")
    glow: Hex = Field(description="light that the picture itself gives: runes, embers, windows")


class Substance(Words):
    """What a surface is made of."""

    color: Colour = Field(description="the colour of the surface; of a metal, of its reflections")
    metal: Share = Field(default=0.0, description="0 = paint, stone, glass; 1 = bare metal")
    rough: Annotated[Number, Field(ge=0.03, le=1)] = Field(default=0.4, description="0.03 = mirror, 1 = chalk")
    f0: Annotated[Number, Field(ge=0, le=0.3)] = Field(default=0.05, description="reflection seen head on, no metal")
    surface: Surface = Field(default="smooth", description="the micro relief")
    grain: Annotated[Number, Field(ge=0, le=3)] = Field(default=1.0, description="strength of the micro relief")
    mottle: Share = Field(default=0.15, description="uneven lightness over some hundred units")
    dirt: Share = Field(default=0.4, description="darkness in hollows and along edges")
    wear: Share = Field(default=0.4, description="bare, bright ridges")
    wear_color: Colour = Field(default="#cfc6b8", description="the colour of worn ridges")
    coat: Share = Field(default=0.0, description="clear varnish over it: a small sharp highlight")
    inner: Colour | None = Field(default=None, description="light that gathers inside glass or gems")
    inner_gain: Annotated[Number, Field(ge=0, le=4)] = Field(default=1.0, description="strength of the inner light")
    seam_color: Colour | None = Field(default=None, description="fills the cracks of surface: crackle")
    seam_light: Annotated[Number, Field(ge=0, le=4)] = Field(default=1.0, description="brightness of the seams")
    patina: Colour | None = Field(default=None, description="grows in the hollows, as verdigris on copper")
    emit: Annotated[Number, Field(ge=0, le=2)] = Field(default=0.0, description="light of its own, e.g. a lamp")


class KeyLight(Words):
    """The one light that throws shadows."""

    direction: tuple[Component, Component, Annotated[Number, Field(ge=0.15, le=1)]] = (-0.5, 0.55, 0.7)
    color: Colour = "#fff1e0"
    gain: Gain = 1.6


class Environment(Words):
    """What the surfaces mirror: a room with a zenith, a horizon and a ground; `gains` in the same order."""

    zenith: Colour = ("sky", "#ffffff", 0.3)
    horizon: Colour = ("sky", "#ffffff", 0.6)
    ground: Colour = ("ink", "sky", 0.3)
    gains: tuple[Gain, Gain, Gain] = (0.6, 0.6, 0.4)


class AreaLight(Words):
    """A soft light that is seen in mirroring surfaces. `size`: 0.05 = a lamp, 1 = half the room."""

    direction: tuple[Component, Component, Component]
    color: Colour
    gain: Gain
    size: Annotated[Number, Field(ge=0.05, le=1)] = 0.3


class RimLight(Words):
    """Light from behind that draws the edges. `power`: 1 = broad, 6 = a hair line."""

    direction: tuple[Component, Component]
    color: Colour
    gain: Gain
    power: Annotated[Number, Field(ge=1, le=6)] = 2.2


class Sky(Words):
    """What is behind everything: a gradient, and the weather in it. Gains of 0 leave a thing out.

    `focus`, `rays_at`, `disc_at` are shares of the canvas (0 = left or top, 1 = right or bottom).
    """

    top: Colour = "ink"
    middle: Colour = "sky"
    bottom: Colour = "sky"
    gains: tuple[Gain, Gain, Gain] = (0.5, 0.5, 0.5)
    focus: tuple[Fraction, Fraction] = (0.5, 0.42)
    halo: Gain = Field(default=0.0, description="a soft light around the focus")
    halo_radius: Annotated[Number, Field(ge=0.05, le=1)] = 0.4
    halo_color: Colour = "glow"
    rays: Gain = Field(default=0.0, description="beams that leave `rays_at`")
    rays_at: tuple[Fraction, Fraction] = (0.5, 0.4)
    smoke: Share = 0.0
    clouds: Share = 0.0
    cloud_low: Annotated[Number, Field(ge=-1, le=1)] = Field(default=0.0, description="-1 = only low, 1 = everywhere")
    cloud_dark: Colour = ("sky", "ink", 0.55)
    cloud_light: Colour | None = Field(default=None, description="lit edges; left out: from the gradient")
    stars: Annotated[Number, Field(ge=0, le=4)] = Field(default=0.0, description="1 = a clear night")
    disc: Gain = Field(default=0.0, description="a moon or sun of this brightness")
    disc_at: tuple[Fraction, Fraction, Annotated[Number, Field(ge=0.02, le=0.7)]] = (0.5, 0.4, 0.33)
    disc_color: Colour = "#ffffff"
    craters: Share = 1.0
    lightning: Annotated[int, Field(ge=0, le=6)] = 0
    bolt_color: Colour = "#ffffff"
    rain: Annotated[Number, Field(ge=0, le=4)] = 0.0
    slant: Annotated[Number, Field(ge=-1, le=1)] = 0.2
    rain_color: Colour = "#cfe0f0"
    snow: Annotated[Number, Field(ge=0, le=4)] = 0.0
    embers: Annotated[int, Field(ge=0, le=800)] = Field(default=0, description="sparks that rise before the subject")
    ember_color: Colour = "glow"


class Lighting(Words):
    """One light rig: key, surroundings, soft lights, rims, and the sky that belongs to them."""

    key: KeyLight = Field(default_factory=KeyLight)
    environment: Environment = Field(default_factory=Environment)
    area: Annotated[tuple[AreaLight, ...], Field(max_length=6)] = ()
    rim: Annotated[tuple[RimLight, ...], Field(max_length=4)] = ()
    sky: Sky = Field(default_factory=Sky)
    runes: Annotated[Number, Field(ge=0, le=2)] = Field(default=0.6, description="how strongly cut runes glow")
    exposure: Annotated[Number, Field(ge=0.25, le=4)] = 1.0


class Placement(Words):
    """Where the subject stands and how it is seen; the offsets of `wander`, `turn` and `zoom` are the seed's."""

    at: Point = (500.0, 500.0)
    scale: Annotated[Number, Field(ge=0.2, le=4)] = 1.0
    rotation: Degrees = 0.0
    keystone: Annotated[Number, Field(ge=-0.5, le=0.5)] = Field(default=0.0, description="> 0 = seen from below")
    yaw: Annotated[Number, Field(ge=-0.5, le=0.5)] = Field(default=0.0, description="> 0 = turned to the right")
    wander: Annotated[Number, Field(ge=0, le=300)] = Field(default=6.0, description="units it may stray, each way")
    turn: Annotated[Number, Field(ge=0, le=45)] = Field(default=1.5, description="degrees it may turn, each way")
    zoom: Annotated[Number, Field(ge=0, le=0.5)] = Field(default=0.02, description="share its scale may vary")


class Ornament(Words):
    """A layer behind or before the subject. `free` ornaments swap places with each other from seed to seed."""

    layer: LayerFile
    at: Point = (500.0, 500.0)
    scale: Annotated[Number, Field(ge=0.02, le=3)] = 1.0
    rotation: Degrees = 0.0
    flip: bool = False
    free: bool = False
    wander: Annotated[Number, Field(ge=0, le=300)] = 0.0
    turn: Annotated[Number, Field(ge=0, le=180)] = 0.0

    def layer_files(self) -> tuple[str, ...]:
        return (self.layer,)


class Scenery(Words):
    """Silhouettes in the distance; each part of the layer says how far by its `data-depth` (1 = farthest)."""

    layer: LayerFile
    at: Point = (500.0, 500.0)
    scale: Annotated[Number, Field(ge=0.2, le=3)] = 1.0
    mirror: bool = Field(default=False, description="the seed may mirror it")
    wander: Annotated[Number, Field(ge=0, le=300)] = 0.0

    def layer_files(self) -> tuple[str, ...]:
        return (self.layer,)


class Composition(Words):
    """How the picture is arranged. Of several placements of the subject the seed picks one."""

    subject: Annotated[tuple[Placement, ...], Field(min_length=1, max_length=8)] = Field(
        default_factory=lambda: (Placement(),)
    )
    back: Annotated[tuple[Ornament, ...], Field(max_length=12)] = ()
    front: Annotated[tuple[Ornament, ...], Field(max_length=12)] = ()
    scenery: Annotated[tuple[Scenery, ...], Field(max_length=4)] = ()
    fog: Share = 0.0
    haze: Share = Field(default=0.3, description="air between the subject and what is behind it")
    blur: Annotated[Number, Field(ge=0, le=12)] = Field(default=1.0, description="units, of what is behind")
    vignette: Share = 0.42

    def layer_files(self) -> tuple[str, ...]:
        return tuple(name for thing in (*self.back, *self.front, *self.scenery) for name in thing.layer_files())


class Form(Words):
    """The subject: a layer, drawn `fit` times its own size, its own centre (500, 500) put at `at`."""

    layer: LayerFile
    fit: Annotated[Number, Field(ge=0.1, le=2)] = 1.0
    at: Point = (500.0, 500.0)

    def layer_files(self) -> tuple[str, ...]:
        return (self.layer,)


class Emblem(Words):
    """The sign that the subject wears at its `data-anchor-emblem`. `scale`: of the size that the anchor gives."""

    layer: LayerFile
    scale: Annotated[Number, Field(ge=0.3, le=2)] = 1.0

    def layer_files(self) -> tuple[str, ...]:
        return (self.layer,)


class SlotMap(Words):
    """What each slot of the layers is made of; the slot '*' stands for all that are not named."""

    slots: Annotated[dict[SlotName, SubstanceName], Field(min_length=1, max_length=32)]


class Tone(Words):
    """How a medium takes the tones of the lit picture; what is left at its default changes nothing."""

    saturation: Annotated[Number, Field(ge=0, le=2)] = 1.0
    contrast: Annotated[Number, Field(ge=0.5, le=2)] = 1.0
    lift: Annotated[Number, Field(ge=-0.5, le=0.5)] = Field(default=0.0, description="lightens (or darkens) mid-tones")
    shadow: Colour | None = Field(default=None, description="with `light`: the two ends of a tinted scale of tones")
    light: Colour | None = None
    tint: Share = Field(default=0.0, description="how far the tinted scale replaces the colours")
    keep_glow: Share = Field(default=0.0, description="how far glowing things keep their colour")
    levels: Annotated[int, Field(ge=0, le=16)] = Field(default=0, description="flat steps of tone; 0 = continuous")
    outline: Share = Field(default=0.0, description="ink lines along the edges of parts")
    outline_width: Annotated[Number, Field(ge=0.5, le=8)] = Field(default=2.0, description="units")
    hatch: Share = Field(default=0.0, description="strokes of ink in the shadows, along the form")
    bleed: Annotated[Number, Field(ge=0, le=20)] = Field(default=0.0, description="units that wet colour spreads")
    paper: Colour | None = Field(default=None, description="the ground that shows through the lights")
    paper_share: Share = Field(default=0.0, description="how strongly the ground tints the picture")
    dissolve: Share = Field(default=0.0, description="how far the surroundings fade into the bare ground")
    fibre: Share = Field(default=0.0, description="texture of the ground")
    margin: Annotated[Number, Field(ge=0, le=120)] = Field(default=0.0, description="bare ground around, units")
    crackle: Share = Field(default=0.0, description="fine cracks, as in old varnish")


class Medium(Words):
    """What the picture is made with: a finish of the painter, and how it takes the tones."""

    finish: Finish = "relief"
    tone: Tone = Field(default_factory=Tone)


class Accent(Words):
    """How precious the picture is: light in the runes, sparks in the air, glints on the metal."""

    runes: Annotated[Number, Field(ge=0, le=2)] = Field(default=0.7, description="times the lighting's runes")
    embers: Annotated[Number, Field(ge=0, le=4)] = Field(default=1.0, description="times the sky's embers")
    glints: Annotated[int, Field(ge=0, le=12)] = 3
    aura: Share = Field(default=0.0, description="a ring of light behind the subject")


VOCABULARY: dict[str, type[Words]] = {
    "form": Form,
    "emblem": Emblem,
    "palette": Palette,
    "lighting": Lighting,
    "composition": Composition,
    "material": SlotMap,
    "medium": Medium,
    "accent": Accent,
}
"""Role -> the model that the `paint:` of its values must be."""


class Scene(Words):
    """All that one picture needs; every part that is left out is invented from `motif_seeds` or kept plain.

    `layers` holds the bytes of each SVG that is named. `motif_seeds` gives, by role, the number of a value that has
    no art of its own: its position in the DNA, never its name, so that renaming changes no pixel.
    """

    palette: Palette | None = None
    lighting: Lighting = Field(default_factory=Lighting)
    composition: Composition = Field(default_factory=Composition)
    form: Form | None = None
    emblem: Emblem | None = None
    slots: SlotMap | None = None
    substances: dict[SubstanceName, Substance] = Field(default_factory=dict, max_length=128)
    medium: Medium = Field(default_factory=Medium)
    accent: Accent = Field(default_factory=Accent)
    layers: dict[str, bytes] = Field(default_factory=dict, max_length=256)
    motif_seeds: dict[Role, Annotated[int, Field(ge=0, lt=2**63)]] = Field(default_factory=dict)
