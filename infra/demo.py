"""`monoprint demo`: the whole journey on this machine, six collectors at once, and what it leaves in `out/`.

Rounds make it repeatable: an unfinished round is finished, a finished one is followed by the next, whose idempotency
keys are new and whose six prints are others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.client import Client, Refused
from infra.joining import Joined
from infra.page import write_page
from infra.progress import Log, Progress, final, follow
from infra.publishing import publish_folder
from infra.twin.anvil import dump
from infra.twin.home import CHAIN_ID, Home
from shared.clock import utc_now
from shared.errors import MonoprintError, Rejected, Transient
from shared.ports.blobs.folder import FolderBlobs
from shared.publishing import car
from shared.request import State

EXAMPLES = Path(__file__).resolve().parent.parent / "shared" / "collection" / "examples"
_ROUNDS = "demo-rounds.json"
_FOLDERS = {"pictures": (".png",), "metadata": (".json",), "cars": (".image.car", ".metadata.car")}
"""What goes where in `out`: one file for each collector and suffix."""
_OURS = {*_FOLDERS, "demo.json", "index.html", "chain-state.json"}


@dataclass(frozen=True)
class Filed:
    """One collector of the round: the file, and the id of the request that it filed."""

    collector: Path
    request_id: str


def demo(home: Home, collection: Path, out: Path, log: Log, *, timeout_s: float = 300.0) -> dict[str, Any]:
    """Run a round and write `out`. Returns what `demo.json` says.

    Raises: `Rejected` when a request did not end minted, with its reason; `Transient` when one did not end in time.
    """
    files = sorted((collection / "collectors").glob("*.json"))
    if not files:
        raise Rejected(f"{collection / 'collectors'}: got no *.json, wanted the collectors to file requests for")
    _prepare(out)
    with Joined(home, log.say) as twin:
        client = twin.client
        dna, digest = publish_folder(home, collection)
        log.say(f"{dna.name} is on sale, version {digest[:12]}")
        number = _round(home, dna.slug)
        filed = _file_round(client, dna.slug, digest, number, files)
        names = {one.request_id: one.collector.stem for one in filed}
        log.say(f"{len(filed)} requests are filed, round {number}")
        with Progress(log, names) as progress:
            stories = follow(
                client.story,
                [one.request_id for one in filed],
                progress.show,
                timeout_s=timeout_s,
                on_look=lambda looked: _approve(client, looked),
            )
        _finish_round(home, dna.slug, number, names, stories, timeout_s)
        tokens = _tokens(out, home, client, filed, stories)
        contract = twin.told("contract")
        (out / "chain-state.json").write_bytes(dump(twin.told("chain")))
    summary = {
        "round": number,
        "chain_id": CHAIN_ID,
        "contract": contract,
        "collection": {"slug": dna.slug, "digest": digest},
        "tokens": tokens,
    }
    (out / "demo.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
    write_page(out / "index.html", dna, summary)
    return summary


def _prepare(out: Path) -> None:
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


def _clear(out: Path) -> None:
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


# ---- rounds -----------------------------------------------------------------------------------------------------


def _round(home: Home, slug: str) -> int:
    """The round of this collection that is to be ended now."""
    return 1 + int((home.read_json(_ROUNDS) or {}).get(slug, 0))


def _file_round(client: Client, slug: str, digest: str, number: int, files: Sequence[Path]) -> list[Filed]:
    """The keys name all that makes the round what it is: a changed DNA or collector is another request."""
    filed: list[Filed] = []
    for file in files:
        body = file.read_bytes()
        made_of = hashlib.sha256(digest.encode() + body).hexdigest()[:16]
        try:
            receipt = client.file(slug, body, idempotency_key=f"demo-{number}-{made_of}-{len(filed)}")
        except Refused as error:
            raise error.about(file) from error
        filed.append(Filed(file, receipt["id"]))
    return filed


def _finish_round(
    home: Home,
    slug: str,
    number: int,
    names: Mapping[str, str],
    stories: Sequence[Mapping[str, Any]],
    timeout_s: float,
) -> None:
    """Raises for every request that is not minted, and says how to look at it."""
    ended = all(final(story) for story in stories)
    if ended:
        home.write_json(_ROUNDS, (home.read_json(_ROUNDS) or {}) | {slug: number})
    missing = [story for story in stories if story["state"] != State.MINTED]
    if not missing:
        return
    told = "\n".join(
        f"  {names[story['id']]} is {story['state'].replace('_', ' ')}"
        + (f": {story['reason']}" if story["reason"] else "")
        + f"\n    monoprint status {story['id']}"
        for story in missing
    )
    many = f"{len(missing)} of {len(stories)} requests"
    if ended:
        raise Rejected(f"{many} ended without a token:\n{told}\nRun the demo again for a new round.")
    raise Transient(
        f"{many} did not end within {timeout_s:.0f} s:\n{told}\n"
        f"What happened is in {home.path / 'log' / 'twin.jsonl'}. Run the demo again: it goes on where it was."
    )


def _approve(client: Client, stories: Sequence[Mapping[str, Any]]) -> None:
    """The demo has no creative director to ask, so it says yes to every picture that is put before one."""
    for story in stories:
        if story["state"] == State.IN_REVIEW and story["picture"]:
            try:
                client.verdict(story["id"], "approve", story["picture"]["sha256"], "the demo approves what it is shown")
            except MonoprintError:
                continue  # it moved on since it was looked at, or the next look tries again


# ---- what it leaves ---------------------------------------------------------------------------------------------


def _tokens(
    out: Path,
    home: Home,
    client: Client,
    filed: Sequence[Filed],
    stories: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Write pictures, metadata and archives in the place of what an earlier round left; tell of each token."""
    _clear(out)
    tokens = []
    with closing(FolderBlobs.open(home.blobs_url(), clock=utc_now)) as blobs:
        for one, story in zip(filed, stories, strict=True):
            name = one.collector.stem
            (out / "pictures" / f"{name}.png").write_bytes(client.picture(story))
            archives = {kind: blobs.get(f"tokens/{one.request_id}/{kind}.car") for kind in ("image", "metadata")}
            for kind, archive in archives.items():
                (out / "cars" / f"{name}.{kind}.car").write_bytes(archive)
            roots = {kind: car.read(archive).roots[0] for kind, archive in archives.items()}
            document = car.read(archives["metadata"]).blocks[roots["metadata"]]
            (out / "metadata" / f"{name}.json").write_bytes(document)
            tokens.append(
                {
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
            )
    return tokens
