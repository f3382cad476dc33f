"""The quote: pure, exact, and made of the price list alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
import yaml

from shared.errors import Defect
from shared.pricing import Prices, expected_attempts, prices, quote, read_prices
from tests.unit.collection.samples import NAMES, example, tiny


def changed(**parts: dict[str, object]) -> Prices:
    listed = prices().model_dump()
    return Prices.model_validate({**listed, **{part: {**listed[part], **values} for part, values in parts.items()}})


def test_the_price_is_the_artists_and_the_cost_is_ours() -> None:
    made = quote(tiny().model_copy(update={"price_wei": 10**18, "reroll_fee_wei": 5}), prices())
    assert (made.price_wei, made.reroll_fee_wei) == (10**18, 5)
    assert made.cost_microusd == quote(tiny(), prices()).cost_microusd


@pytest.mark.parametrize("name", NAMES)
def test_a_print_of_the_examples_costs_a_few_cents(name: str) -> None:
    made = quote(example(name), prices())
    assert 1_000 < made.cost_microusd < 100_000
    assert made == quote(example(name), prices())
    assert made.cost_microusd * 100 < example(name).daily_budget_microusd


def test_by_hand() -> None:
    nothing = {
        "render": {"seconds_at_1024_px": 2, "second_microusd": 100, "start_seconds": 1, "candidates": 1},
        "attempts": {"redrawn_share": 0.5},
        "plan": {"tokens_in": 1000, "tokens_out": 100, "million_tokens_in_microusd": 3_000_000,
                 "million_tokens_out_microusd": 10_000_000},
        "judge": {"picture_microusd": 10},
        "review": {"verdict_microusd": 1000},
        "storage": {"megabytes_at_1024_px": 2, "megabyte_microusd": 5, "documents_megabytes": 1},
        "functions": {"request_microusd": 7},
        "chain": {"mint_gas": 100_000, "claim_gas": 0, "gas_price_gwei": 1, "native_microusd": 1_000_000},
    }  # fmt: skip
    made = quote(tiny(redraws=2, review={"sample": 0.1}), Prices.model_validate(nothing))
    # 1.75 attempts of 300 + 3000 + 1000 + 10, then review 100, storage 15, functions 7, gas 100
    assert made.cost_microusd == 7765


def test_more_of_anything_costs_more() -> None:
    base = quote(tiny(), prices()).cost_microusd
    dearer = [
        quote(tiny(publish_px=3072), prices()), quote(tiny(review={"sample": 1}), prices()),
        quote(tiny(), changed(render={"candidates": 4})), quote(tiny(), changed(chain={"gas_price_gwei": 2})),
        quote(tiny(), changed(plan={"million_tokens_in_microusd": 3_000_000})),
        quote(tiny(), changed(attempts={"redrawn_share": "0.9"})),
        quote(tiny(), changed(functions={"request_microusd": 99})),
    ]  # fmt: skip
    assert all(made.cost_microusd > base for made in dearer)
    assert quote(tiny(publish_px=256), prices()).cost_microusd < base
    assert quote(tiny().model_copy(update={"settlement": "paid"}), prices()).cost_microusd < base


def test_redraws_end() -> None:
    assert expected_attempts(Decimal("0.5"), 0) == 1
    assert expected_attempts(Decimal("0.5"), 2) == Decimal("1.75")


def test_the_price_list_is_checked() -> None:
    listed = yaml.safe_dump(
        {name: {k: float(v) for k, v in part.items()} for name, part in prices().model_dump().items()}
    )
    assert read_prices(listed) == prices()
    too_many = listed.replace("candidates: 1.0", "candidates: 9")
    for wrong, said in (("render: 1", "pricing.yaml"), (too_many, "candidates"), ("[", "pricing.yaml")):
        with pytest.raises(Defect, match=said):
            read_prices(wrong)
