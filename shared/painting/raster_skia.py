"""Coverage by skia: one SVG document per part, drawn under any 3 x 3 matrix."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import skia

from shared.painting.fields import Mask
from shared.painting.raster import Transform


@lru_cache(maxsize=512)
def _document(xml: str) -> skia.SVGDOM:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">{xml}</svg>'
    document = skia.SVGDOM.MakeFromStream(skia.MemoryStream(text.encode(), True))
    document.setContainerSize(skia.Size(1000, 1000))
    return document


def draw(xml: str, transform: Transform, width: int, height: int) -> Mask:
    pixels = np.zeros((height, width, 4), np.uint8)
    canvas = skia.Surface(pixels).getCanvas()
    canvas.concat(skia.Matrix.MakeAll(*(float(value) for value in transform.ravel())))
    _document(xml).render(canvas)
    return np.ascontiguousarray(pixels[..., 3])
