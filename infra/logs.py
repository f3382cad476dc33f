"""Where log lines go that handlers write to standard output, when that is a person's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from shared.observe import logger


@contextmanager
def logged_to(file: TextIO) -> Iterator[None]:
    with ExitStack() as before:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler):
                stream = handler.setStream(file)
                before.callback(handler.setStream, stream or handler.stream)
        yield
