"""A layer from outside may hold shapes and nothing else; whatever else it holds is named with file, line and column."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from shared.errors import Invalid
from shared.painting.svg import MAX_BYTES, read_layer
from tests.unit.painting.examples import collection

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">'
PART = '<g data-slot="body"><path d="M0 0 L10 0 L10 10Z"/></g>'


def layer(inside: str = "", root: str = HEAD) -> bytes:
    return f"{root}\n{PART}\n{inside}</svg>".encode()


def inside_part(shapes: str) -> bytes:
    return layer(f'<g data-slot="trim">{shapes}</g>')


def test_reads_parts_and_anchors() -> None:
    text = (
        '<?xml version="1.0" encoding="utf-8"?><!-- drawn by hand -->'
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000" data-anchor-emblem="500 278.5 292">'
        '<g data-slot="trim" data-profile="tube" data-h="9" data-r="7" data-z="-2" data-follow="0.5" fill="#fff">'
        '<g transform="translate(1000 0) scale(-1,1)"><circle cx="1" cy="2" r="3" id="eye"/></g></g>'
        '<g data-slot="rune"><path d="M-1-2.5e1 l.5.5 a1 1 0 0110 10z" fill-rule="evenodd"/></g></svg>'
    )
    read = read_layer("x.svg", text.encode())
    assert read.anchors == {"emblem": (500.0, 278.5, 292.0)}
    trim, rune = read.parts
    assert (trim.slot, trim.profile, trim.h, trim.r, trim.z, trim.follow) == ("trim", "tube", 9, 7, -2, 0.5)
    assert (rune.slot, rune.profile, rune.follow) == ("rune", "bevel", 1.0)
    assert trim.xml == (
        '<g fill="#fff"><g transform="translate(1000 0) scale(-1,1)"><circle cx="1" cy="2" r="3"/></g></g>'
    )


@pytest.mark.parametrize("slug", ["ember-order", "weather-portraits"])
def test_reads_every_example(slug: str) -> None:
    _, layers = collection(slug)
    for name, data in layers.items():
        assert read_layer(name, data).parts


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))

HOSTILE: dict[str, tuple[bytes, int, str]] = {  # what: (document, line, a word of what was wanted)
    "billion laughs": (f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]>\n{HEAD}&l9;</svg>'.encode(), 1, "DTD"),
    "external entity": (f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hosts">]>\n{HEAD}&x;</svg>'.encode(), 1, "DTD"),
    "external DTD": (f'\n<!DOCTYPE svg SYSTEM "http://example.org/a.dtd">{HEAD}</svg>'.encode(), 2, "DTD"),
    "unknown entity": (layer("&nbsp;"), 3, "well-formed"),
    "script": (layer("<script>alert(1)</script>"), 3, "data-slot"),
    "script in a part": (inside_part("<script>alert(1)</script>"), 3, "path"),
    "event": (inside_part('<path d="M0 0" onload="alert(1)"/>'), 3, "only d, fill"),
    "event on the root": (layer(root=HEAD.replace(">", ' onload="x()">')), 1, "viewBox"),
    "href": (inside_part('<path d="M0 0" href="http://example.org"/>'), 3, "only d, fill"),
    "xlink": (layer(root=HEAD.replace(">", ' xmlns:xlink="http://www.w3.org/1999/xlink">')), 1, "only http"),
    "use": (inside_part('<use href="#a"/>'), 3, "path"),
    "image": (inside_part('<image href="a.png"/>'), 3, "path"),
    "foreignObject": (inside_part("<foreignObject/>"), 3, "path"),
    "style element": (inside_part("<style>@import url(http://example.org)</style>"), 3, "path"),
    "style attribute": (inside_part('<path d="M0 0" style="fill:url(#a)"/>'), 3, "only d, fill"),
    "url paint": (inside_part('<path d="M0 0" fill="url(http://example.org/#a)"/>'), 3, "#rrggbb"),
    "processing instruction": (b'<?xml-stylesheet href="a.css"?>' + layer(), 1, "none"),
    "text": (inside_part("<path d='M0 0'/>hello"), 3, "no text"),
    "other namespace": (inside_part('<path xmlns="http://example.org" d="M0 0"/>'), 3, "only http"),
    "no namespace": (b'<svg viewBox="0 0 1000 1000"/>', 1, "xmlns"),
    "nested svg": (inside_part("<svg/>"), 3, "path"),
    "huge number": (inside_part('<path d="M0 0 L1e9 0"/>'), 3, "100000"),
    "overflowing number": (inside_part('<path d="M0 0 L1e999 0"/>'), 3, "100000"),
    "NaN": (inside_part('<circle cx="NaN" cy="0" r="1"/>'), 3, "within"),
    "infinity": (inside_part('<circle cx="1" cy="0" r="inf"/>'), 3, "within"),
    "negative radius": (inside_part('<circle cx="1" cy="0" r="-1"/>'), 3, "within 0"),
    "Arabic digits": (inside_part('<circle cx="1" cy="0" r="٣"/>'), 3, "within"),
    "path of letters": (inside_part('<path d="M0 0 javascript:1"/>'), 3, "path commands"),
    "transform of words": (inside_part('<path d="M0 0" transform="evil(1)"/>'), 3, "plain numbers"),
    "relief out of range": (layer('<g data-slot="trim" data-h="1e4"><path d="M0 0"/></g>'), 3, "0..400"),
    "follow as word": (layer('<g data-slot="trim" data-follow="yes"><path d="M0 0"/></g>'), 3, "0..1"),
    "unknown profile": (layer('<g data-slot="trim" data-profile="spiky"><path d="M0 0"/></g>'), 3, "bevel"),
    "slot with a path": (layer('<g data-slot="../x"><path d="M0 0"/></g>'), 3, "slot"),
    "no slot": (layer('<g><path d="M0 0"/></g>'), 3, "slot"),
    "shape outside a part": (layer('<path d="M0 0"/>'), 3, "data-slot"),
    "empty part": (layer('<g data-slot="trim"></g>'), 3, "path"),
    "deep nesting": (inside_part("<g>" * 40 + "<path d='M0 0'/>" + "</g>" * 40), 3, "at most 12"),
    "too many elements": (inside_part("<path d='M0 0'/>" * 6000), 3, "at most 5000"),
    "too many parts": (layer(PART * 400), 3, "at most 256"),
    "wrong viewBox": (layer(root=HEAD.replace("1000 1000", "512 512")), 1, "0 0 1000 1000"),
    "no viewBox": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 1, "0 0 1000 1000"),
    "bad anchor": (layer(root=HEAD.replace(">", ' data-anchor-emblem="5 5">')), 1, "3 numbers"),
    "anchor far away": (layer(root=HEAD.replace(">", ' data-anchor-emblem="5 5 1e5">')), 1, "size"),
    "html": (b"<html/>", 1, "xmlns"),
    "not XML": (b"\x89PNG\r\n", 1, "UTF-8"),
    "prose": (b"a shield", 1, "well-formed"),
    "empty": (b"", 1, "well-formed"),
    "no parts": (f"{HEAD}\n</svg>".encode(), 2, "data-slot"),
    "cut short": (layer()[:-4], 3, "well-formed"),
    "two roots": (layer() + layer(), 3, "well-formed"),
    "UTF-16": (layer().decode().encode("utf-16"), 1, "UTF-8"),
    "UTF-16 without a mark": (layer().decode().encode("utf-16-le"), 1, "UTF-8"),
    "another encoding declared": (b'<?xml version="1.0" encoding="utf-7"?>' + layer(), 1, "UTF-8"),
    "Latin-1 bytes": (layer("<!-- caf\xe9 -->").decode().encode("latin-1"), 3, "UTF-8"),
    "too large": (b" " * (MAX_BYTES + 1), 1, "at most"),
    "a million nodes": (b"<g>" * 1_000_000, 1, "at most"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_refuses(what: str) -> None:
    document, line, wanted = HOSTILE[what]
    with pytest.raises(Invalid) as caught:
        read_layer("art/x.svg", document)
    assert caught.value.field.startswith(f"art/x.svg:{line}:")
    assert wanted in caught.value.wanted
    assert len(caught.value.got) < 130


@pytest.mark.parametrize("attribute", ['d="{}!"', 'transform="scale({}!"', 'd="M{}!"'])
def test_matching_takes_linear_time(attribute: str) -> None:
    long = "1" * 100_000 + " 1.1" * 20_000
    start = time.perf_counter()
    with pytest.raises(Invalid):
        read_layer("x.svg", inside_part(f"<path {attribute.format(long)}/>"))
    assert time.perf_counter() - start < 1.0


def test_reading_needs_nothing_heavy() -> None:
    script = (
        "import sys, shared.painting.svg, shared.painting.vocabulary as v;"
        "print(sorted({'numpy', 'cv2', 'skia', 'resvg_py', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
