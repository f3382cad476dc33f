"""What a stage must be told: what is missing or cannot be is refused before anything is deployed, in plain words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import create_model

from functions import confirm, intake, mint, sweep
from infra.deploy.template import ROOT, compiled
from shared.errors import Rejected
from shared.ports.open import ADAPTERS
from tests.deploy.test_template import FUNCTIONS

# The checks, asked as osls asks them: many cases in one process of node.
ASK = """
const check = require(process.argv[1]);
const given = ({ stage, parameters }) => async (text) => {
  const [, kind, name] = /^(sls|param):([a-z_]+)/.exec(text);
  return kind === "sls" ? stage : (parameters[name] ?? null);
};
Promise.all(JSON.parse(process.argv[2]).map((one) =>
  check({ resolveVariable: given(one) }).then(() => "", (error) => error.message)
)).then((told) => console.log(JSON.stringify(told)));
"""
Parameters = Mapping[str, object]
GOOD: dict[str, object] = {
    "chain_id": "1",
    "rpc_url": "https://node.example/v2/{ssm:///monoprint/prod/rpc_key?region=${AWS::Region}}",
    "pinner_url": "folder:///mnt/blocks",
    "confirmations": 12,
    "poll_s": 10,
    "max_fee_wei": "500000000000",
    "retention_days": 30,
    "patience_s": 300,
    "give_up_s": 604_800,
    "renders_at_once": 50,
    "calls_per_s": 200,
    "calls_burst": 400,
    "log_level": "INFO",
    "removal": "Retain",
    "protected": True,
}
WRONG = [
    ("chain_id", "0x1"),
    ("chain_id", ""),
    ("contract", "0x1234"),
    ("pinner_url", "folder:///tmp"),
    ("pinner_url", "folder:///tmp/blocks"),
    ("pinner_url", "/mnt/blocks"),
    ("pinner_url", "folder:///mnt/../tmp"),
    ("pinner_url", "folder:///%74mp/blocks"),
    ("pinner_url", "pinata://key@public"),
    ("removal", "Keep"),
    ("protected", "yes"),
    ("log_level", "WARNING"),
    ("log_level", "info"),
    ("renders_at_once", 1),
    ("renders_at_once", 1001),
    ("calls_per_s", 0),
    ("calls_burst", "many"),
    ("contract", "0x" + "11" * 19 + "1g"),
    ("rpc_url", "http://node.example"),
    ("rpc_url", "https:///{ssm:///monoprint/prod/rpc_key?region=eu-central-1}"),
    ("rpc_url", "https://node.example/{ssm:///monoprint/dev/rpc_key?region=eu-central-1}"),
    ("rpc_url", "https://node.example/{file:///etc/key}"),
    ("rpc_url", "https://node.example/v2?key=0123"),
]
RIGHT: list[dict[str, object]] = [
    {},
    {"chain_id": 11155111},
    {"contract": "0x00112233445566778899aabbccddeeff00112233"},
    {"log_level": "DEBUG", "removal": "Delete", "protected": "false"},
    {"poll_s": "0.5", "renders_at_once": "2", "calls_per_s": 10_000, "calls_burst": 5_000},
    {"pinner_url": "folder:///tmpfs-no-it-is-not/blocks"},
    {"rpc_url": "https://node.example"},
    {"rpc_url": "https://node.example:8545/a/b"},
    {"rpc_url": "https://node.example/v2/{ssm:///monoprint/prod/rpc_key?region=eu-central-1}/"},
]


NUMBERS = ("confirmations", "poll_s", "max_fee_wei", "retention_days", "patience_s", "give_up_s")
"""Those that a function's settings have, too."""
STOPS = (intake, mint, confirm, sweep)


def ask(*cases: tuple[str, Parameters]) -> list[str]:
    """What each stage is told with its parameters: nothing if they are as they should be."""
    given = json.dumps([{"stage": stage, "parameters": parameters} for stage, parameters in cases])
    done = subprocess.run(
        [Path(sys.executable).parent / "node", "-e", ASK, ROOT / "infra" / "deploy" / "parameters.cjs", given],
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[str] = json.loads(done.stdout)
    return told


def test_prod_is_not_packaged_without_what_only_its_owner_knows() -> None:
    with pytest.raises(Rejected) as refused:
        compiled("prod")
    told = str(refused.value)
    assert "stage prod cannot be deployed like this" in told
    for line in (
        'chain_id: got "", wanted the chain\'s id in decimal',
        "rpc_url: got another URL, wanted --param rpc=host/path",
        'pinner_url: got "folder:///tmp/blocks", wanted folder:///absolute/path that outlives a container',
    ):
        assert line in told
    assert "    at " not in told  # no stack of osls's own


def test_a_parameter_that_cannot_be_is_named_and_a_key_not_repeated() -> None:
    for (name, value), told in zip(WRONG, ask(*(("prod", GOOD | {name: value}) for name, value in WRONG)), strict=True):
        assert told.count(": got ") == 1, (name, value, told)
        assert f"{name}: got " in told
        assert "0123" not in told


def test_parameters_that_can_be_are_taken() -> None:
    assert ask(*(("prod", GOOD | changed) for changed in RIGHT)) == [""] * len(RIGHT)


def test_only_dev_may_keep_blocks_in_a_container() -> None:
    blocks: dict[str, object] = {"pinner_url": "folder:///tmp/blocks", "rpc_url": "https://node.example"}
    dev, staging = ask(("dev", GOOD | blocks), ("staging", GOOD | blocks))
    assert dev == ""
    assert "pinner_url" in staging


def test_one_message_lists_every_fault() -> None:
    wrong = {"contract": "0x1", "poll_s": "soon", "log_level": "ERROR", "retention_days": 0, "pinner_url": "ipfs://x"}
    (told,) = ask(("Prod", GOOD | wrong | {"rpc_url": "https://node.example"}))
    assert told.count(": got ") == 1 + len(wrong)
    for name in ("stage", *wrong):
        assert f"    {name}: got " in told


def test_a_stages_name_is_one_that_everything_in_it_can_carry() -> None:
    names = ["a", "prod", "brand-2-staging", "a" * 30, "Prod", "2nd", "-a", "a_b", "a.b", "", "a" * 31]
    told = ask(*((name, GOOD | {"rpc_url": "https://node.example"}) for name in names))
    assert [text == "" for text in told] == [True] * 4 + [False] * 7
    longest = max(len(f"monoprint-{'a' * 30}-{function}-ap-northeast-1") for function in FUNCTIONS)
    assert longest <= 64  # a role's name, of which osls's plugin drops an ending that is too long


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_taken_is_one_that_the_functions_take(name: str) -> None:
    """And what they would refuse at their start is refused before anything is deployed."""
    texts = ["", "-1", "0", "0.05", "0.5", "1", "1.5", "12", "30", "365", "366", "900", "901", "1e3", "0x10", "abc"]
    texts += [" 1", "nan", "inf", "31536000", "1" + "0" * 17, "1" + "0" * 40]
    taken = [text for text, told in zip(texts, ask(*(("prod", GOOD | {name: text}) for text in texts)), strict=True)
             if told == ""]  # fmt: skip
    assert "900" in taken or name == "retention_days"
    settings = [stop.handler.settings.model_fields for stop in STOPS]
    fields = [fields[name] for fields in settings if name in fields]
    assert fields
    for field in fields:
        alone = create_model("Alone", number=(field.annotation, field))
        for text in taken:
            alone.model_validate({"number": text})


def test_the_pinners_are_those_that_there_are() -> None:
    told = (ROOT / "infra" / "deploy" / "parameters.cjs").read_text()
    (listed,) = re.findall(r"const PINNERS = (\[.*\]);", told)
    assert sorted(json.loads(listed)) == sorted(scheme for port, scheme in ADAPTERS if port == "pinner")
