"""`monoprint demo`: the whole journey on this machine, six collectors at once, and what it leaves in `out/`.

Rounds make it repeatable: an unfinished round is finished, a finished one is followed by the next, whose idempotency
keys are new and whose six prints are others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from infra import out_folder
from infra.client import Client, Refused
from infra.joining import Joined
from infra.out_folder import Filed
from infra.page import write_page
from infra.progress import Log, Progress, final, follow
from infra.publishing import publish_folder
from infra.twin.anvil import dump
from infra.twin.home import CHAIN_ID, Home
from shared.clock import utc_now
from shared.errors import MonoprintError, Rejected, Transient
from shared.ports.blobs.folder import FolderBlobs
from shared.request import State

EXAMPLES = Path(__file__).resolve().parent.parent / "shared" / "collection" / "examples"
_ROUNDS = "demo-rounds.json"


def demo(home: Home, collection: Path, out: Path, log: Log, *, timeout_s: float = 300.0) -> dict[str, Any]:
    """Run a round and write `out`. Returns what `demo.json` says.

    Raises: `Rejected` when a request did not end minted, with its reason; `Transient` when one did not end in time.
    """
    files = sorted((collection / "collectors").glob("*.json"))
    if not files:
        raise Rejected(f"{collection / 'collectors'}: got no *.json, wanted the collectors to file requests for")
    out_folder.prepare(out)
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
        about = {
            "round": number,
            "chain_id": CHAIN_ID,
            "contract": twin.told("contract"),
            "collection": {"slug": dna.slug, "digest": digest},
        }
        with closing(FolderBlobs.open(home.blobs_url(), clock=utc_now)) as blobs:
            summary = out_folder.leave(
                out,
                filed,
                stories,
                about=about,
                blobs=blobs,
                picture=client.picture,
                chain_state=lambda: dump(twin.told("chain")),
            )
    write_page(out / "index.html", dna, summary)
    return summary


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
