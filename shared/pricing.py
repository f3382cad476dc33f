"""What a request costs: the one pure `quote()`, for the caller's receipt, the mint page and the day's budget alike.

The price and the fee are the artist's and stand in the DNA. Our own cost is made of the unit costs in
`pricing.yaml`; the quote of a request is stored with it, so that a later price list changes no earlier promise.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field, ValidationError

from shared.collection.dna import Dna
from shared.collection.problems import dotted, phrase
from shared.errors import Defect
from shared.model import Model
from shared.request import Quote

MAX_RENDER_PX = 1024
"""Larger pictures are scaled up after rendering, which costs next to nothing."""

Amount = Annotated[Decimal, Field(ge=0, le=10**15, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, lt=1)]


class Render(Model):
    seconds_at_1024_px: Amount
    second_microusd: Amount
    start_seconds: Amount
    candidates: Annotated[int, Field(ge=1, le=8)]


class Attempts(Model):
    redrawn_share: Share


class Planning(Model):
    tokens_in: Amount
    tokens_out: Amount
    million_tokens_in_microusd: Amount
    million_tokens_out_microusd: Amount


class Judging(Model):
    picture_microusd: Amount


class Reviewing(Model):
    verdict_microusd: Amount


class Storage(Model):
    megabytes_at_1024_px: Amount
    megabyte_microusd: Amount
    documents_megabytes: Amount


class Functions(Model):
    request_microusd: Amount


class Gas(Model):
    mint_gas: Amount
    claim_gas: Amount
    gas_price_gwei: Amount
    native_microusd: Amount


class Prices(Model):
    """Unit costs, as `pricing.yaml` explains them."""

    render: Render
    attempts: Attempts
    plan: Planning
    judge: Judging
    review: Reviewing
    storage: Storage
    functions: Functions
    chain: Gas


def quote(collection: Dna, prices: Prices) -> Quote:
    """What one request is expected to cost, rounded up to whole microusd. The same arguments, the same quote."""
    attempts = expected_attempts(prices.attempts.redrawn_share, collection.redraws)
    cost = (
        attempts * (_render(collection, prices) + _plan(prices.plan) + _judge(prices))
        + prices.review.verdict_microusd * Decimal(str(collection.review.sample))
        + _storage(collection, prices.storage)
        + prices.functions.request_microusd
        + _gas(collection, prices.chain)
    )
    return Quote(
        price_wei=collection.price_wei,
        reroll_fee_wei=collection.reroll_fee_wei,
        cost_microusd=int(cost.to_integral_value(ROUND_CEILING)),
    )


def expected_attempts(redrawn_share: Decimal, redraws: int) -> Decimal:
    """1 + p + p^2 + ...: each attempt is refused with the same share, and the budget ends it."""
    return sum((redrawn_share**n for n in range(redraws + 1)), Decimal(0))


def _render(collection: Dna, prices: Prices) -> Decimal:
    pixels = Decimal(min(collection.publish_px, MAX_RENDER_PX)) / 1024
    seconds = prices.render.seconds_at_1024_px * pixels * pixels * prices.render.candidates
    return (seconds + prices.render.start_seconds) * prices.render.second_microusd


def _plan(plan: Planning) -> Decimal:
    money = plan.tokens_in * plan.million_tokens_in_microusd + plan.tokens_out * plan.million_tokens_out_microusd
    return money / 1_000_000


def _judge(prices: Prices) -> Decimal:
    return prices.judge.picture_microusd * prices.render.candidates


def _storage(collection: Dna, storage: Storage) -> Decimal:
    pixels = Decimal(collection.publish_px) / 1024
    megabytes = storage.megabytes_at_1024_px * pixels * pixels + storage.documents_megabytes
    return megabytes * storage.megabyte_microusd


def _gas(collection: Dna, chain: Gas) -> Decimal:
    """A gift is minted at our cost; what is paid for is claimed, at the collector's."""
    gas = chain.mint_gas if collection.settlement == "gift" else chain.claim_gas
    return gas * chain.gas_price_gwei * chain.native_microusd / 10**9


def read_prices(text: str | bytes) -> Prices:
    """The price list in YAML. Raises: `Defect` naming the first entry that is wrong: the list is ours."""
    import yaml  # late: only who opens the list pays for it; quoting needs none

    try:
        return Prices.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            got, wanted = phrase(first)
            raise Defect(f"pricing.yaml: {dotted(first['loc'])}: got {got}, wanted {wanted}") from error
        raise Defect(f"pricing.yaml: {error}") from error


@lru_cache(maxsize=1)
def prices() -> Prices:
    """The price list that came with this installation, read once."""
    return read_prices(files("shared").joinpath("pricing.yaml").read_bytes())
