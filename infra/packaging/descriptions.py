"""What botocore tells itself about AWS, without what no client ever reads.

To make a client, botocore parses its service's description, up to 1.4 MB of which five sixths are prose for people,
and once the endpoints of all services that there are, 1.3 MB more. Every cold start pays for that. Prose only fills
docstrings, and of the endpoints a client looks up its own service's: it is the same client without the rest.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

_DATA = ("botocore", "data")


def cut(name: str, data: bytes, services: Collection[str]) -> bytes:
    """A distribution's file as a zip holds it that calls these services. What is no description is left as it is."""
    path = PurePosixPath(name)
    if path.parts[:2] != _DATA:
        return data
    if path.parts[2:] == ("endpoints.json",):
        return _written(_with_services(json.loads(data), services))
    if path.name == "service-2.json.gz":
        return gzip.compress(_written(_without_prose(json.loads(gzip.decompress(data)))), mtime=0)
    return data


def _with_services(endpoints: dict[str, Any], services: Collection[str]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        partition["services"] = {name: said for name, said in partition["services"].items() if name in services}
    return endpoints


def _without_prose(said: Any) -> Any:
    """A member that is called `documentation` is a mapping, and stays."""
    if isinstance(said, dict):
        prose = isinstance(said.get("documentation"), str)
        return {k: _without_prose(v) for k, v in said.items() if not (prose and k == "documentation")}
    return [_without_prose(each) for each in said] if isinstance(said, list) else said


def _written(said: Any) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()
