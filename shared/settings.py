"""Environment -> typed settings, one small class per stop.

A field's name is both the step's keyword argument and, in capitals, the environment variable; a port's ends in `_URL`
(`ledger` <- `LEDGER_URL`, `plan_queue` <- `PLAN_QUEUE_URL`), a secret's in `_REF`. Nothing reads the environment at
import: a handler reads its own class when its container starts, and a missing variable names itself and the stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, ValidationError

from shared.address import read_address
from shared.errors import Defect, Invalid
from shared.model import Model


@dataclass(frozen=True)
class Port:
    """Marks a field whose value is the URL of a port's adapter."""

    name: str


QueueUrl = Annotated[str, Port("queue")]
LedgerUrl = Annotated[str, Port("ledger")]
BlobsUrl = Annotated[str, Port("blobs")]
KeysUrl = Annotated[str, Port("keys")]
PlannerUrl = Annotated[str, Port("planner")]
RendererUrl = Annotated[str, Port("renderer")]
PinnerUrl = Annotated[str, Port("pinner")]
ChainUrl = Annotated[str, Port("chain")]
SignerUrl = Annotated[str, Port("signer")]
SecretRef = Annotated[str, Port("secret")]
"""Refers to a secret, whose bytes the step gets."""


ChainId = Annotated[int, Field(gt=0)]


def _contract(text: str | None) -> str | None:
    try:
        return read_address("contract", text) if text else None
    except Invalid as error:
        raise ValueError(f"got {error.got}, wanted {error.wanted}") from error


Contract = Annotated[str | None, AfterValidator(_contract)]
"""The contract's checksummed address. None, or nothing in the variable: the one that the minter deploys."""


class Settings(Model):
    """Base of every stop's settings."""

    stop: ClassVar[str]

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        port = cls.port(field)
        return field.upper() + ("" if port is None else "_REF" if port == "secret" else "_URL")

    @classmethod
    def port(cls, field: str) -> str | None:
        """The port whose adapter's URL the field holds, if it holds one."""
        return next((mark.name for mark in cls.model_fields[field].metadata if isinstance(mark, Port)), None)

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
    chain_id: ChainId
    contract: Contract = None
    max_fee_wei: int = Field(default=500_000_000_000, gt=0, description="above this a mint is parked")


class ConfirmSettings(QueueSettings):
    stop = "confirm"
    ledger: LedgerUrl
    chain: ChainUrl
    signer: SignerUrl
    confirm_queue: QueueUrl
    chain_id: ChainId
    contract: Contract = None
    confirmations: int = Field(default=3, ge=1)
    poll_s: float = Field(default=10.0, gt=0, le=900, description="first delay between two looks at the chain")
    max_fee_wei: int = Field(default=500_000_000_000, gt=0, description="above this nothing is signed anew")


class WatchSettings(Settings):
    stop = "watch"
    ledger: LedgerUrl
    chain: ChainUrl
    signer: SignerUrl
    confirm_queue: QueueUrl
    chain_id: ChainId


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
