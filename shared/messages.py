"""What travels: the payload of every queue, the renderer's job and its `result.json`, the planner's brief and plan.

Queue payloads carry ids only; whoever consumes one reads the rest from the ledger. Everything is frozen and closed
(`extra="forbid"`): a field nobody knows is a poison message, not a silent one.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import unquote_plus

from pydantic import Field, StringConstraints

from shared import strict_json
from shared.model import Model
from shared.request import Digest, RequestId

Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}-[1-9][0-9]{0,5}$")]


class Message(Model):
    def body(self) -> str:
        """The JSON that goes on a queue or into a blob."""
        return self.model_dump_json()


# ---- queues -----------------------------------------------------------------------------------------------------

MINT_GROUP = "mint"
"""One signer, one group of the mint queue: its mints are signed in the order in which they were published."""


class RequestJob(Message):
    """plan, render, publish, mint, confirm: one request at one attempt. A job for an old attempt is a no-op.

    `polls` counts how often `confirm` has asked the chain, which only stretches the next delay.
    """

    request_id: RequestId
    attempt: int = Field(ge=1)
    polls: int = Field(default=0, ge=0)


class JudgeJob(Message):
    """judge: a render job whose `result.json` exists."""

    job_id: JobId

    @property
    def request_id(self) -> str:
        return self.job_id.partition("-")[0]

    @property
    def attempt(self) -> int:
        return int(self.job_id.partition("-")[2])

    @classmethod
    def from_bodies(cls, body: str) -> list[Self]:
        """The jobs in a message of the judge's queue: our own, or an S3 notification as S3 sends it.

        S3's test event, and objects that are no `result.json`, give nothing. Raises `Invalid` for anything else.
        """
        payload = strict_json.loads(body, field="message")
        if isinstance(payload, dict) and payload.get("Event") == "s3:TestEvent":
            return []
        if not (isinstance(payload, dict) and "Records" in payload):
            return [cls.model_validate(payload)]
        keys = [
            unquote_plus(record["s3"]["object"]["key"])
            for record in payload["Records"]
            if str(record.get("eventName", "")).startswith("ObjectCreated:")
        ]
        found = (re.fullmatch(r"jobs/([0-9a-f]{64}-[1-9][0-9]{0,5})/result\.json", key) for key in keys)
        return [cls(job_id=match[1]) for match in found if match]


# ---- planner ----------------------------------------------------------------------------------------------------


class Option(Message):
    """One value that a trait may take for this collector. Weight 0 is forbidden; `reason` says what moved it."""

    value: Name
    weight: float = Field(ge=0, allow_inf_nan=False)
    describes: str = ""
    reason: str


class TraitOptions(Message):
    trait: Name
    options: tuple[Option, ...] = Field(min_length=1)


class Forbidden(Message):
    """A box of genotypes that may not be: all of `values` at once. `rule` is its name in the DNA."""

    rule: str
    values: dict[Name, frozenset[Name]]


class Brief(Message):
    """All that a planner may know: the artist's options, weighted for one collector, and nothing of their words."""

    traits: tuple[TraitOptions, ...] = Field(min_length=1)
    forbidden: tuple[Forbidden, ...] = ()
    seed: str = Field(description="hex; the same seed and brief give the same plan")
    features: dict[str, float] = Field(default_factory=dict)


class Choice(Message):
    trait: Name
    value: Name
    reason: str


class Plan(Message):
    """trait -> value, each with its reason, in the DNA's order."""

    choices: tuple[Choice, ...]
    planner: str = Field(description="who chose, with its version: rules/1, openai/gpt-..., ...")

    @property
    def values(self) -> dict[str, str]:
        return {choice.trait: choice.value for choice in self.choices}


# ---- renderer ---------------------------------------------------------------------------------------------------


class Prompt(Message):
    """What a diffusion model is told. Made of the artist's words alone."""

    positive: str
    negative: str


class RenderJob(Message):
    """All that a renderer needs, and all that its receipt must name. One job id, one result."""

    job_id: JobId
    collection_digest: Digest
    values: dict[Name, Name] = Field(description="the plan: trait -> value")
    prompt: Prompt
    seed: int = Field(ge=0, lt=2**63)
    width_px: int = Field(ge=64, le=4096)
    height_px: int = Field(ge=64, le=4096)
    candidates: int = Field(default=1, ge=1, le=8)


class RenderedImage(Message):
    """A picture of a job. Where it lies follows from its digest (`image_key`): a receipt cannot point elsewhere."""

    sha256: Digest
    seed: int
    bytes: int = Field(ge=0)


class RenderResult(Message):
    """`jobs/{job_id}/result.json`: the render receipt. Written last, by success and failure alike; the first wins."""

    job_id: JobId
    status: Literal["rendered", "failed"]
    images: tuple[RenderedImage, ...] = ()
    error: str | None = Field(default=None, max_length=500, description="for us; never told to a collector")
    renderer: str = Field(description="name and version of the renderer")
    versions: dict[str, str] = Field(default_factory=dict, description="library -> version")
    width_px: int
    height_px: int
    started_at: datetime
    seconds: float = Field(ge=0)
    cost_microusd: int = Field(default=0, ge=0)


def image_key(job_id: str, sha256: str) -> str:
    return f"jobs/{job_id}/{sha256}.png"


def result_key(job_id: str) -> str:
    return f"jobs/{job_id}/result.json"
