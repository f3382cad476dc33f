"""What is logged, for tests to look at."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.observe import Fields, Log, logger

OF_THE_LOGGER = {"level", "message", "timestamp", "service", "_aws"}


@contextmanager
def captured() -> Iterator[io.StringIO]:
    """Every line that is logged inside."""
    lines = io.StringIO()
    (handler,) = [h for h in logger.handlers if isinstance(h, logging.StreamHandler)]
    before = handler.setStream(lines)
    try:
        yield lines
    finally:
        handler.setStream(before or handler.stream)


def parsed(lines: io.StringIO) -> list[dict[str, Any]]:
    """Each line, found to be well-formed: known names and keys, and numbers where its metrics say that they are."""
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    for line in logged:
        assert line["message"] in set(Log)
        assert set(line) <= OF_THE_LOGGER | set(Fields.__annotations__) | {line["message"]}
        (told,) = line["_aws"]["CloudWatchMetrics"]
        assert all(isinstance(line[name], str) for names in told["Dimensions"] for name in names)
        metrics = {metric["Name"] for metric in told["Metrics"]}
        assert line["message"] in metrics
        assert ("duration_ms" in line) == ("duration_ms" in metrics)
        for name in metrics:
            assert all(isinstance(number, float | int) for number in line[name])
    return logged
