"""What an operator does after `osls deploy --stage prod`, by the commands that work on one machine as well."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import click
import pytest
import waitress
from botocore.client import BaseClient
from click.testing import CliRunner, Result

from functions import intake, review
from infra.cli import main
from infra.deploy.contract import Brand
from infra.deploy.stage import Stage
from infra.place import Ports
from infra.twin.anvil import CHAIN_ID, Anvil
from infra.twin.server import Api
from shared.clock import utc_now
from shared.collection import store
from shared.ports.blobs.folder import FolderBlobs
from shared.ports.signer import Purpose
from shared.records import accounts, collections, requests
from shared.records.accounts import Role
from shared.request import Event
from tests.journey.twenty import collector, small_collection
from tests.ports.anvil_fixture import anvil_of_the_module  # noqa: F401 - a fixture
from tests.ports.ministack_fixture import REGION, Ministack, ministack_of_the_session  # noqa: F401 - a fixture
from tests.stage.deployed import RPC_KEY, Deployed, deploy

ROOT = Path(__file__).parents[2]
NAME = "prod"
SLUG = "weather-portraits"
REQUEST = "ab" * 32
LISTING = {"lambda:ListFunctions"}
"""Asked only where there is no such stage."""


@pytest.fixture(scope="module")
def deployed(ministack: Ministack, anvil: Anvil, door: Door) -> Deployed:
    made = deploy(ministack, NAME, chain_url=anvil.url, api_url=door.url)
    stage = Stage(NAME, REGION, ministack.endpoint)
    for stop, handler in (("intake", intake.handler), ("review", review.handler)):
        door.open(stop, handler.bind(stage.environ_of(stop)))
    return made


@pytest.fixture
def stage(deployed: Deployed) -> Stage:
    return Stage(NAME, REGION, deployed.ministack.endpoint)


class Door:
    """The HTTP API: the very handlers, behind what finds their routes. `before` is called before each GET."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handlers: dict[str, Any] = {}
        self._server = waitress.create_server(self._serve, host="127.0.0.1", port=0, threads=1)
        self.url = f"http://127.0.0.1:{self._server.effective_port}"
        self.before: Callable[[str], object] = lambda path: None
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def open(self, stop: str, handler: Any) -> None:
        self._handlers[stop] = handler

    def close(self) -> None:
        self._server.task_dispatcher.shutdown()
        self._server.close()

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            self.before(environ["PATH_INFO"])
        with closing(FolderBlobs.open(f"folder://{self._folder}", clock=utc_now)) as blobs:
            return Api(self._handlers, blobs, utc_now)(environ, start_response)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with closing(Door(tmp_path_factory.mktemp("unused"))) as made:
        yield made


ASKED: dict[str, set[str]] = defaultdict(set)
"""Command -> every action that it has asked AWS for."""


@pytest.fixture(scope="module", autouse=True)
def _noted() -> Iterator[None]:
    call = BaseClient._make_api_call

    def noting(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        context = click.get_current_context(silent=True)
        command = context.info_name if context else threading.current_thread().name.partition("_")[0]
        ASKED[str(command)] |= _actions(client.meta.service_model.service_name, operation, arguments)
        return call(client, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", noting)
        yield


def _actions(service: str, operation: str, arguments: dict[str, Any]) -> set[str]:
    """A transaction takes the rights of its parts, a HEAD that of a GET, and a batch that of one."""
    if operation == "TransactWriteItems":
        return {f"dynamodb:{kind}Item" for item in arguments["TransactItems"] for kind in item}
    return {f"{service}:{operation.removesuffix('Batch').replace('HeadObject', 'GetObject')}"}


def rights(command: str) -> set[str]:
    """What the docs say that this command asks AWS for."""
    chapters = "\n".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    table = chapters.partition("## After the first deploy")[2].partition("| command | actions |")[2]
    rows = [line.split("|")[1:3] for line in table.partition("\n\n")[0].splitlines() if line.startswith("| ")]
    return {
        action
        for names, told in rows
        if f"`{command}`" in names or names.strip() == "all"
        for action in re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", told)
    }


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends its process where threads are left; here one is left, and the process is the tests'."""
    monkeypatch.setattr("infra.ending.threading.active_count", lambda: 1)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def monoprint(deployed: Deployed, *arguments: str | Path, code: int = 0, answer: str = "", **environ: str) -> Result:
    where = ["--stage", deployed.name, "--endpoint", deployed.ministack.endpoint]
    ended = CliRunner(env=environ).invoke(main, [*map(str, arguments), *where], input=answer)
    assert ended.exit_code == code, ended.output + repr(ended.exception)
    assert ASKED[str(arguments[0])] <= rights(str(arguments[0]))
    return ended


def told(deployed: Deployed, *arguments: str | Path, code: int = 0, **environ: str) -> Any:
    return json.loads(monoprint(deployed, *arguments, "--json", code=code, **environ).stdout)


# ---- what goes into the stage's own ledger and bucket -------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_collection(tmp_path_factory.mktemp("collection") / SLUG)


def test_a_collection_goes_on_sale(deployed: Deployed, stage: Stage, folder: Path) -> None:
    said = monoprint(deployed, "publish", folder)
    assert "Weather Portraits is on sale, version " in said.stdout
    assert f"Next: monoprint request --collection {SLUG} --collector FILE --stage {NAME}" in said.stdout
    with Ports(stage) as ports:
        digest = collections.current(ports.ledger(), SLUG)
        assert store.load(ports.blobs(), digest).collection.name == "Weather Portraits"
    assert told(deployed, "publish", folder) == {"collection": SLUG, "digest": digest}


def test_a_key_may_do_what_it_was_made_for(deployed: Deployed, stage: Stage) -> None:
    made = told(deployed, "key", "--account", "a-game", "--role", "mint", "--collection", SLUG)["key"]
    with Ports(stage) as ports:
        caller = accounts.authenticate(ports.ledger(), made, Role.MINT)
    assert (caller.account, caller.may_touch(SLUG), caller.may_touch("another")) == ("a-game", True, False)
    assert ASKED["key"] == rights("key") - LISTING


def test_no_home_is_made_for_a_stage(deployed: Deployed, tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = monoprint(deployed, "key", "--account", "a", "--role", "mint", MONOPRINT_HOME=str(home))
    assert made.stdout.startswith("mp_mint_")
    assert not home.exists()


# ---- through the HTTP API ---------------------------------------------------------------------------------------


@pytest.fixture
def mint_key(deployed: Deployed, folder: Path) -> str:
    monoprint(deployed, "publish", folder)
    key: str = told(deployed, "key", "--account", "studio", "--role", "mint")["key"]
    return key


def test_a_request_is_filed_and_followed_to_its_end(
    deployed: Deployed, stage: Stage, door: Door, mint_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs here behind the API: the first look finds that the request was ended meanwhile."""
    file = tmp_path / "guest.json"
    file.write_bytes(collector(1))

    def end(path: str) -> None:
        with Ports(stage) as ports:
            filed = requests.load(ports.ledger(), path.rpartition("/")[2])
            if filed.open:
                requests.move(ports.ledger(), filed, Event.REJECTED, utc_now(), cause="by this test")

    monkeypatch.setattr(door, "before", end)
    filing: list[str | Path] = ["request", "--collection", SLUG, "--collector", file, "--key", "first"]
    story = told(deployed, *filing, code=1, MONOPRINT_API_KEY=mint_key)
    assert (story["state"], story["reason"]) == ("rejected", "by this test")
    seen = monoprint(deployed, "status", story["id"], "--api-key", mint_key).stdout
    assert f"{SLUG}, attempt 1: rejected" in seen


def test_a_key_of_another_role_is_refused_by_the_api(deployed: Deployed, mint_key: str) -> None:
    refused = told(deployed, "review", "--api-key", mint_key, code=1)["error"]
    assert (refused["code"], refused["message"]) == (
        "forbidden",
        "X-Api-Key: got a key with the role mint, wanted review",
    )
    reviewer = told(deployed, "key", "--account", "director", "--role", "review")["key"]
    assert monoprint(deployed, "review", MONOPRINT_API_KEY=reviewer).stdout == "Nothing waits for you.\n"


def test_without_a_key_it_is_told_how_to_make_one(deployed: Deployed) -> None:
    said = monoprint(deployed, "status", REQUEST, code=1).stderr
    assert said.startswith("--api-key: got none, wanted one of the stage")
    assert f"`monoprint key --stage {NAME} --account NAME --role operate`" in said


# ---- dead letters -----------------------------------------------------------------------------------------------


def test_what_gave_up_is_listed_and_sent_back(deployed: Deployed, stage: Stage) -> None:
    assert monoprint(deployed, "dead").stdout == "Nothing gave up.\n"
    give_up(deployed, stage, "render", json.dumps({"request_id": REQUEST, "attempt": 1}))
    give_up(deployed, stage, "mint", json.dumps({"request_id": REQUEST, "attempt": 1}), group="mint")

    found = told(deployed, "dead")
    assert [(each["queue"], each["request_id"]) for each in found["letters"]] == [
        ("render", REQUEST),
        ("mint", REQUEST),
    ]
    assert found["lines"][-1] == f"Next: monoprint dead --redrive --stage {NAME}"
    again = told(deployed, "dead")
    assert [each["id"] for each in again["letters"]] == [each["id"] for each in found["letters"]], "looking takes none"
    assert [each["receives"] for each in again["letters"]] > [each["receives"] for each in found["letters"]]

    sent = monoprint(deployed, "dead", "--redrive").stdout
    assert "2 sent back; they are tried again in the cloud." in sent
    assert told(deployed, "dead")["letters"] == []
    with Ports(stage) as ports:
        assert [json.loads(each.body)["request_id"] for each in ports.queue("render").receive()] == [REQUEST]
    assert ASKED["dead"] == rights("dead") - LISTING


def give_up(deployed: Deployed, stage: Stage, name: str, body: str, *, group: str | None = None) -> None:
    """A message that failed as often as it may."""
    with Ports(stage) as ports:
        queue = ports.queue(name)
        queue.send(body, group=group)
        (received,) = queue.receive()
        queue.release(received.receipt, delay_s=0)
        assert queue.receive() == []
        assert queue.depth().dead == 1


# ---- the contract -----------------------------------------------------------------------------------------------


def test_the_contract_is_put_on_chain_once(deployed: Deployed, stage: Stage, anvil: Anvil) -> None:
    with Ports(stage) as ports:
        minter, owner = (ports.signer().address(purpose) for purpose in (Purpose.TRANSACTION, Purpose.OWNER))
        address = ports.chain().contract_address(minter, 0)

        poor = monoprint(deployed, "contract", code=75).stderr
        assert f"minter {minter}: has 0 ether, the deployment may cost 0." in poor
        assert f"or more to it on chain {CHAIN_ID}, then run the same command again" in poor

        anvil.fund(minter)
        unasked = monoprint(deployed, "contract", "--name", "Ember Order", "--symbol", "EMBER", code=1)
        assert f"minter    {minter}, has 1000 ether" in unasked.stdout
        assert f"owner     {owner}" in unasked.stdout
        assert f"contract  {address}, Ember Order (EMBER)" in unasked.stdout
        assert "Its deployment costs at most 0." in unasked.stdout
        assert "nobody agreed to the cost (--yes does); nothing was signed" in unasked.stderr
        refused = monoprint(deployed, "contract", code=1, answer="n\n").stderr
        assert "nothing was signed" in refused
        assert ports.chain().next_nonce(minter) == 0

        # By hand and with an answer, as somebody does it who reads what it costs.
        said = monoprint(deployed, "contract", "--name", "Ember Order", "--symbol", "EMBER", answer="y\n")
        assert f"The contract is on chain: {address}" in said.stdout
        assert "It cost 0.0" in said.stdout
        assert ports.chain().has_code(address)
        assert b"Ember Order" in bytes.fromhex(call(anvil, address, "0x06fdde03")[2:])  # name()
        assert owner[2:].lower() in call(anvil, address, "0x8da5cb5b")  # owner()
        assert minter[2:].lower() in call(anvil, address, "0x07546172")  # minter()
        spent_wei = 10**21 - ports.chain().balance_wei(minter)

        again = told(deployed, "contract", "--yes")
        assert (again["contract"], again["was_there"], again["owner"]) == (address, True, owner)
        assert again["fee_wei"] == spent_wei
        assert ports.chain().next_nonce(minter) == 1
        other = monoprint(deployed, "contract", "--name", "Another").stdout
        assert f"The contract is there: {address}" in other
        assert "nothing was changed" in other
    assert ASKED["contract"] == rights("contract") - LISTING
    for each in (unasked, said):
        assert RPC_KEY not in each.output
        assert '"level"' not in each.output, "a log line is nothing for a person"


def test_a_deployment_that_was_signed_is_sent_and_waited_for_without_asking(
    ministack: Ministack, anvil: Anvil, door: Door
) -> None:
    """The one who signed it was killed before the chain had it."""
    deployed = deploy(ministack, "killed", chain_url=anvil.url, api_url=door.url)
    with Ports(Stage("killed", REGION, ministack.endpoint)) as ports:
        anvil.fund(ports.signer().address(Purpose.TRANSACTION))
    anvil.rpc("evm_setAutomine", False)
    try:
        waited = monoprint(deployed, "contract", "--yes", "--timeout", "0.001", code=75)
        assert "not mined after" in waited.stderr
        assert "waiting until the chain has mined 0x" in waited.stdout
    finally:
        anvil.rpc("evm_setAutomine", True)
        anvil.rpc("anvil_mine", "0x1")
    assert told(deployed, "contract")["was_there"]


def test_fault_46_the_wrong_chain_is_refused(ministack: Ministack, anvil: Anvil, door: Door) -> None:
    deployed = deploy(ministack, "elsewhere", chain_url=anvil.url, api_url=door.url, chain_id=1)
    said = told(deployed, "contract", "--yes", code=70)["error"]
    assert (said["code"], said["message"]) == ("wrong_chain", f"the node serves chain {CHAIN_ID}, wanted 1")


def test_a_stage_that_mints_to_another_contract_is_not_given_a_second(
    ministack: Ministack, anvil: Anvil, door: Door
) -> None:
    deployed = deploy(ministack, "foreign", chain_url=anvil.url, api_url=door.url)
    with Ports(Stage("foreign", REGION, ministack.endpoint)) as ports:
        anvil.fund(ports.signer().address(Purpose.TRANSACTION))
    deployed.tell("mint", CONTRACT=f"0x{'1' * 40}")
    said = monoprint(deployed, "contract", "--yes", code=1).stderr
    assert f"the mint is told CONTRACT=0x{'1' * 40}, and this would be 0x" in said


def test_help_tells_the_brand_that_is_deployed_without_options() -> None:
    said = CliRunner().invoke(main, ["contract", "--help"], terminal_width=200).output
    assert f"[default: {Brand().name}]" in said
    assert f"[default: {Brand().symbol}]" in said


def test_a_stage_that_is_not_there_names_those_that_are(deployed: Deployed, ministack: Ministack) -> None:
    said = CliRunner().invoke(
        main,
        ["key", "--account", "a", "--role", "mint", "--stage", "prud", "--endpoint", ministack.endpoint, "--json"],
    )
    assert said.exit_code == 1
    told = json.loads(said.stdout)["error"]
    assert told["code"] == "not_found"
    assert f"got no function monoprint-prud-sweep in {REGION}; deployed there: " in told["message"]
    assert NAME in told["message"].partition("deployed there: ")[2].partition(".")[0].split(", ")


def call(anvil: Anvil, contract: str, selector: str) -> str:
    found: str = anvil.rpc("eth_call", {"to": contract, "data": selector}, "latest")
    return found
