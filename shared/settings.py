"""Environment -> typed settings, one small class per stop.

A field's name is both the step's keyword argument and, in capitals, the environment variable; a port's ends in `_URL`
(`ledger` <- `LEDGER_URL`, `plan_queue` <- `PLAN_QUEUE_URL`), a secret's in `_REF`. Nothing reads the environment at
import: a handler reads its own class when its container starts, and a missing variable names itself and the stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Defect


@dataclass(frozen=True)
class Port:
    """Marks a field whose value is the URL of a port's adapter."""

    name: str


@dataclass(frozen=True)
class Secret:
    """Marks a field whose value refers to a secret (`file:///...`) and is resolved once per container."""


QueueUrl = Annotated[str, Port("queue")]
LedgerUrl = Annotated[str, Port("ledger")]
BlobsUrl = Annotated[str, Port("blobs")]
KeysUrl = Annotated[str, Port("keys")]
PlannerUrl = Annotated[str, Port("planner")]
RendererUrl = Annotated[str, Port("renderer")]
PinnerUrl = Annotated[str, Port("pinner")]
ChainUrl = Annotated[str, Port("chain")]
SignerUrl = Annotated[str, Port("signer")]
SecretRef = Annotated[str, Secret()]


class Settings(BaseModel):
    """Base of every stop's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    stop: ClassVar[str]

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        marks = cls.model_fields[field].metadata
        suffix = "_URL" if any(isinstance(m, Port) for m in marks) else ""
        suffix = "_REF" if any(isinstance(m, Secret) for m in marks) else suffix
        return field.upper() + suffix

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Raises `Defect` that names each missing or malformed variable and the stop that needs it."""
        names = {field: cls.variable(field) for field in cls.model_fields}
        given = {field: environ[name] for field, name in names.items() if name in environ}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = [f"{names[str(e['loc'][0])]}: {e['msg']}" for e in error.errors()]
            raise Defect(f"environment of {cls.stop}: {'; '.join(wrong)}") from error


class QueueSettings(Settings):
    """What every stop behind a queue has: the queue that wakes it, to hand a message back for a while."""

    own_queue: QueueUrl


class IntakeSettings(Settings):
    stop = "intake"
    ledger: LedgerUrl
    blobs: BlobsUrl
    keys: KeysUrl
    plan_queue: QueueUrl
    salt: SecretRef
    retention_days: int = Field(default=30, ge=1, le=365)


class PlanSettings(QueueSettings):
    stop = "plan"
    ledger: LedgerUrl
    blobs: BlobsUrl
    keys: KeysUrl
    planner: PlannerUrl
    render_queue: QueueUrl


class RenderSettings(QueueSettings):
    stop = "render"
    ledger: LedgerUrl
    blobs: BlobsUrl
    renderer: RendererUrl


class JudgeSettings(QueueSettings):
    stop = "judge"
    ledger: LedgerUrl
    blobs: BlobsUrl
    render_queue: QueueUrl
    publish_queue: QueueUrl


class ReviewSettings(Settings):
    stop = "review"
    ledger: LedgerUrl
    blobs: BlobsUrl
    render_queue: QueueUrl
    publish_queue: QueueUrl


class PublishSettings(QueueSettings):
    stop = "publish"
    ledger: LedgerUrl
    blobs: BlobsUrl
    pinner: PinnerUrl
    mint_queue: QueueUrl


class MintSettings(QueueSettings):
    stop = "mint"
    ledger: LedgerUrl
    chain: ChainUrl
    signer: SignerUrl
    confirm_queue: QueueUrl
    chain_id: int
    contract: str
    max_fee_wei: int = Field(default=500_000_000_000, description="above this a mint is parked")


class ConfirmSettings(QueueSettings):
    stop = "confirm"
    ledger: LedgerUrl
    chain: ChainUrl
    signer: SignerUrl
    confirm_queue: QueueUrl
    chain_id: int
    contract: str
    confirmations: int = Field(default=3, ge=1)
    poll_s: float = Field(default=10.0, gt=0, le=900, description="first delay between two looks at the chain")
    max_fee_wei: int = Field(default=500_000_000_000, description="above this nothing is signed anew")


class SweepSettings(Settings):
    stop = "sweep"
    ledger: LedgerUrl
    blobs: BlobsUrl
    plan_queue: QueueUrl
    render_queue: QueueUrl
    judge_queue: QueueUrl
    publish_queue: QueueUrl
    mint_queue: QueueUrl
    confirm_queue: QueueUrl
    patience_s: float = Field(default=300.0, ge=0, description="how long a request may sit before it is woken")
    give_up_s: float = Field(default=7 * 86_400.0, gt=0, description="how long before it is ended with a reason")
