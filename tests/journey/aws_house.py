"""The house on AWS as whoever deploys it sets it up: secrets, stack, contract, API keys, a collection on sale."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.api_keys import make_key
from infra.deploy.contract import Brand
from infra.deploy.contract import deploy as deploy_contract
from infra.publishing import publish_folder
from infra.twin.anvil import CHAIN_ID, Anvil
from shared.clock import utc_now
from shared.ports.chain.rpc import RpcChain
from shared.ports.open import open_port
from shared.ports.queue import Depth, Queue
from shared.ports.signer import Purpose
from shared.ports.signer.kms import KmsSigner
from shared.records.accounts import Role
from shared.request import FINAL, State
from tests.journey.aws_events import Lambdas
from tests.journey.aws_stack import STAGE, deploy
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack

Answer = tuple[int, dict[str, Any]]
Decide = Callable[[Mapping[str, Any]], str]
"""A creative director: a request's story -> the verdict on its picture."""

STUDIO = "studio"
"""The account that files."""
SECRETS = {"salt": "00112233445566778899aabbccddeeff", "rpc_key": "a provider's key, which is secret"}
"""The requests' ids follow from the salt, so that every run has the same ones, the same plans and pictures."""
_BLOCK_S = 12.0

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class House:
    """Deployed, with a collection on sale. What a studio calls, and what an operator may look at."""

    lambdas: Lambdas
    anvil: Anvil
    contract: str
    slug: str
    digest: str
    keys: Mapping[Role, str]
    queues: Mapping[str, Queue]

    # ---- through the HTTP API ----

    def file(self, collector: Path, *, key: str | None = None, **changes: str) -> Answer:
        """POST one collector's data, `changes` made to it; under an idempotency key of its own if none is given."""
        path, headers = f"/v1/collections/{self.slug}/requests", {"idempotency-key": key or collector.stem}
        body = json.dumps(json.loads(collector.read_bytes()) | changes).encode()
        return self.lambdas.call("POST", path, self.keys[Role.MINT], body=body, headers=headers)

    def story(self, request_id: str) -> dict[str, Any]:
        status, story = self.lambdas.call("GET", f"/v1/requests/{request_id}", self.keys[Role.MINT])
        assert status == 200, story
        return story

    def review(self, decide: Decide) -> int:
        """Give a verdict on all that waits for one. Returns how many pictures there were to look at."""
        status, waiting = self.lambdas.call("GET", "/v1/review", self.keys[Role.REVIEW])
        assert status == 200, waiting
        for story in waiting["requests"]:
            verdict = {"verdict": decide(story), "candidate": story["picture"]["sha256"], "note": "as it should be"}
            path = f"/v1/requests/{story['id']}/verdict"
            status, told = self.lambdas.call("POST", path, self.keys[Role.REVIEW], body=json.dumps(verdict).encode())
            assert status == 200, told
        return len(waiting["requests"])

    def picture(self, story: Mapping[str, Any]) -> bytes:
        """The bytes behind a story's link, fetched without any credentials."""
        with _direct.open(story["picture"]["url"], timeout=10) as answer:
            data: bytes = answer.read()
            return data

    # ---- beside it ----

    def run_to_the_end(self, request_ids: Sequence[str], decide: Decide, *, within_s: float) -> None:
        """Let everything happen until each request has ended and no queue holds a message."""

        def settled() -> bool:
            if self.review(decide) or any(q.waiting or q.delayed or q.in_flight for q in self.depths().values()):
                return False
            return all(State(self.story(request_id)["state"]) in FINAL for request_id in request_ids)

        def blocks(passed_s: float) -> None:
            self.anvil.rpc("anvil_mine", hex(max(1, int(passed_s / _BLOCK_S))))

        self.lambdas.settle(settled, as_time_passes=blocks, within_s=within_s)

    def depths(self) -> dict[str, Depth]:
        """What each queue holds, and how many of its messages gave up."""
        return {name: queue.depth() for name, queue in self.queues.items()}


def set_up(ministack: Ministack, anvil: Anvil, template: Mapping[str, Any], collection: Path, blocks: Path) -> House:
    """Deploy, and put a collection on sale. What is pinned goes to the folder `blocks`."""
    for name, secret in SECRETS.items():
        ministack.client("ssm").put_parameter(Name=f"/monoprint/{STAGE}/{name}", Value=secret, Type="SecureString")
    stack = deploy(ministack, template)
    rpc_key = f"{{ssm:///monoprint/{STAGE}/rpc_key?region={REGION}&{ministack.option}}}"
    stack = stack.told(
        CHAIN_URL=f"{anvil.url}/?key={rpc_key}&chain_id={CHAIN_ID}",
        PINNER_URL=f"folder://{quote(str(blocks))}",
    )
    dna, digest = publish_folder(stack, collection)
    keys = {role: make_key(stack, STUDIO, role, [dna.slug]) for role in (Role.MINT, Role.REVIEW)}
    contract = _contract(ministack, anvil, stack.environ_of("mint")["LEDGER_URL"])
    queues = {name: open_port("queue", f"sqs://{REGION}/{ACCOUNT}/{name}?{ministack.option}") for name in stack.queues}
    return House(Lambdas(ministack, stack), anvil, contract, dna.slug, digest, keys, queues)


def _contract(ministack: Ministack, anvil: Anvil, ledger_url: str) -> str:
    """Deployed from the very key that mints, by the one who holds both."""
    names = "&".join(f"{each}=alias/monoprint-{STAGE}-{each}" for each in (Purpose.TRANSACTION, Purpose.OWNER))
    signer = KmsSigner.open(f"kms://?region={REGION}&chain_id={CHAIN_ID}&{names}&{ministack.option}")
    anvil.fund(signer.address(Purpose.TRANSACTION))
    ledger = open_port("ledger", ledger_url)
    with closing(RpcChain.open(f"{anvil.url}?chain_id={CHAIN_ID}")) as chain:
        return deploy_contract(ledger, chain, signer, Brand(), chain_id=CHAIN_ID, clock=utc_now)
