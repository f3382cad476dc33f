"""The folder that a demo leaves: pictures, metadata and archives by collector, `demo.json`, and the chain's state.

Whoever doubts it gives the folder to `tests/journey/verify_demo.py`, which believes none of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import Rejected
from shared.ports.blobs import Blobs
from shared.publishing import car

Story = Mapping[str, Any]

_FOLDERS = {"pictures": (".png",), "metadata": (".json",), "cars": (".image.car", ".metadata.car")}
"""What goes where: one file for each collector and suffix."""
_OURS = {*_FOLDERS, "demo.json", "index.html", "chain-state.json"}


@dataclass(frozen=True)
class Filed:
    """One collector of the round: the file, and the id of the request that it filed."""

    collector: Path
    request_id: str


def prepare(out: Path) -> None:
    """Fail before anything is minted for a folder that cannot be written, or that holds somebody's own files."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        others = sorted({path.name for path in out.iterdir()} - _OURS)
        if others and not (out / "demo.json").exists():
            raise Rejected(
                f"--out {out}: got a folder with {others[0]} in it, wanted a new one, an empty one or a demo's"
            )
        for name in _FOLDERS:
            (out / name).mkdir(exist_ok=True)
    except OSError as error:
        raise Rejected(f"--out {out}: {error.strerror}; choose a folder that you may write") from error


def clear(out: Path) -> None:
    """Take away what an earlier round left, and nothing else."""
    try:
        told = json.loads((out / "demo.json").read_text(encoding="utf-8"))
        left = [Path(token["collector"]).name for token in told["tokens"]]
    except (OSError, ValueError, KeyError, TypeError):
        return
    (out / "demo.json").unlink()
    for folder, suffixes in _FOLDERS.items():
        for suffix in suffixes:
            for name in left:
                (out / folder / f"{name}{suffix}").unlink(missing_ok=True)


def leave(
    out: Path,
    filed: Sequence[Filed],
    stories: Sequence[Story],
    *,
    about: Mapping[str, Any],
    blobs: Blobs,
    picture: Callable[[Story], bytes],
    chain_state: Callable[[], bytes],
) -> dict[str, Any]:
    """Write everything in the place of what an earlier round left. Returns what `demo.json` says: `about` and tokens.

    `stories` are of minted requests, in the order of `filed`; `picture` fetches the bytes that a story links to.
    """
    clear(out)
    tokens = [_token(out, one, story, blobs, picture) for one, story in zip(filed, stories, strict=True)]
    (out / "chain-state.json").write_bytes(chain_state())
    summary = {**about, "tokens": tokens}
    (out / "demo.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
    return summary


def _token(out: Path, one: Filed, story: Story, blobs: Blobs, picture: Callable[[Story], bytes]) -> dict[str, Any]:
    name = one.collector.stem
    (out / "pictures" / f"{name}.png").write_bytes(picture(story))
    archives = {kind: blobs.get(f"tokens/{one.request_id}/{kind}.car") for kind in ("image", "metadata")}
    for kind, archive in archives.items():
        (out / "cars" / f"{name}.{kind}.car").write_bytes(archive)
    roots = {kind: car.read(archive).roots[0] for kind, archive in archives.items()}
    document = car.read(archives["metadata"]).blocks[roots["metadata"]]
    (out / "metadata" / f"{name}.json").write_bytes(document)
    return {
        "collector": name,
        "name": json.loads(document)["name"],
        "request_id": one.request_id,
        "owner": story["owner"],
        "token_id": story["token"]["token_id"],
        "tx_hash": story["token"]["tx_hash"],
        "gas_used": story["token"]["gas_used"],
        "metadata_cid": str(roots["metadata"]),
        "image_cid": str(roots["image"]),
        "image_sha256": story["picture"]["sha256"],
        "picture": f"pictures/{name}.png",
        "traits": {choice["trait"]: choice["value"] for choice in story["traits"]},
        "reasons": {choice["trait"]: choice["reason"] for choice in story["traits"]},
        "seconds": story["seconds"],
    }
