"""What each stop's module may load: a cold start pays for every import, so the light ones stay light."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "cv2", "PIL", "skia", "resvg_py", "web3", "eth_account", "yaml", "cryptography", "httpx", "waitress",
         "click", "rich", "sqlite3", "eth_keys", "eth_abi", "rlp", "urllib3", "boto3", "torch", "modal",
         "openai")  # fmt: skip
MAY_LOAD = {
    "functions.intake": {"cryptography", "yaml"},
    "functions.plan": {"cryptography"},
    "functions.render": set[str](),
    "functions.judge": {"numpy", "PIL"},
    "functions.review": set[str](),
    "functions.publish": set[str](),
    "functions.mint": set[str](),
    "functions.confirm": set[str](),
    "functions.sweep": set[str](),
}


@pytest.mark.parametrize("stop", MAY_LOAD)
def test_a_stop_loads_only_what_it_needs(stop: str) -> None:
    code = f"import sys, json, {stop}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    loaded = set(json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)))
    assert loaded & set(HEAVY) <= MAY_LOAD[stop]


def test_no_stop_reads_the_environment_when_it_is_imported() -> None:
    code = "import functions.intake, functions.mint, functions.sweep; print('imported')"
    assert subprocess.check_output([sys.executable, "-c", code], env={}, text=True) == "imported\n"
