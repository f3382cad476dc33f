"""The command line as a person or a script uses it. One home for all that needs a twin."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.commands.requests import exit_code
from infra.joining import Joined
from infra.twin.home import Home
from shared.clock import utc_now
from shared.errors import Forbidden
from shared.ports.ledger.sqlite import SqliteLedger
from shared.records import accounts
from shared.records.accounts import Role
from tests.journey.twenty import EXAMPLES, collector, small_collection

pytestmark = [pytest.mark.journey]
ROOT = Path(__file__).resolve().parents[2]
SLUG = "weather-portraits"
COMMANDS = [
    "demo",
    "check",
    "publish",
    "request",
    "status",
    "review",
    "approve",
    "reject",
    "redraw",
    "dead",
    "key",
    "contract",
    "up",
]


def monoprint(*arguments: str | Path, code: int = 0, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli", *map(str, arguments)]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environ, timeout=120, check=False
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


def told(*arguments: str | Path, code: int = 0) -> Any:
    """What a command with `--json` says: one object, and nothing beside it on standard output."""
    return json.loads(monoprint(*arguments, "--json", code=code).stdout)


@contextmanager
def up(home: Path, *more: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """`monoprint up`, killed at the end unless it was ended before."""
    command = [sys.executable, "-m", "infra.cli", "up", "--home", str(home), "--port", "0", "--json", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the twin did not start: exit code {process.wait()}"
        yield json.loads(line), process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        process.stdout.close()


# ---- help -------------------------------------------------------------------------------------------------------


def test_help_lists_every_command_whole_and_in_the_order_of_a_first_day() -> None:
    listed = monoprint("--help").stdout.partition("Commands:")[2]
    lines = [line.split(None, 1) for line in listed.strip().splitlines()]
    assert [name for name, _ in lines] == COMMANDS
    assert not [line for _, line in lines if line.endswith("...")]


def test_every_command_has_an_example_and_no_line_shouts() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from infra.cli import main\n"
        "for name in sys.argv[1:]: print(name, CliRunner().invoke(main, [name, '--help']).output, sep='\\n', end='\\0')"
    )
    printed = subprocess.check_output([sys.executable, "-c", code, *COMMANDS], text=True, cwd=ROOT)
    for page in printed.rstrip("\0").split("\0"):
        name = page.partition("\n")[0]
        assert f"  Example:\n    monoprint {name}" in page
        assert "!" not in page
        assert max(map(len, page.splitlines())) <= 120


def test_help_loads_nothing_heavy() -> None:
    heavy = {"numpy", "cv2", "PIL", "skia", "web3", "eth_account", "eth_abi", "eth_keys", "httpx", "rich", "yaml"}
    heavy |= {"coincurve", "waitress", "cryptography", "sqlite3", "urllib3"}
    code = (
        "import sys\nfrom infra.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print('\\n' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert heavy & set(printed.splitlines()[-1].split()) == set()


# ---- check ------------------------------------------------------------------------------------------------------


def test_check_says_what_a_good_collection_is() -> None:
    folder = EXAMPLES / "ember-order"
    assert f"Next: monoprint publish {folder}" in monoprint("check", folder).stdout
    found = told("check", folder)
    assert found["collection"] == "ember-order"
    assert found["prints"] > found["supply"]
    assert found["traits"]["form"] == 5


def test_check_names_every_fault_with_its_place_at_once(tmp_path: Path) -> None:
    folder = small_collection(tmp_path / "broken")
    path = folder / "collection.yaml"
    dna = yaml.safe_load(path.read_text())
    dna |= {"supply": 0, "settlement": "barter", "review": {"sample": 2}}
    path.write_text(yaml.safe_dump(dna, sort_keys=False, allow_unicode=True))
    (folder / "notes.docx").write_text("")
    said = monoprint("check", folder, code=1).stderr
    lines = said.splitlines()
    assert lines[-1] == f"{len(lines) - 1} problems. Nothing was written."
    for field in ("supply", "settlement", "review.sample"):
        (line,) = [line for line in lines if f": {field}: got " in line]
        place = line.partition(": ")[0]
        file, row, column = place.rsplit(":", 2)
        assert Path(file) == path
        assert field.rpartition(".")[2] in path.read_text().splitlines()[int(row) - 1]
        assert int(column) >= 1
        assert ", wanted " in line
    assert any("notes.docx" in line for line in lines)

    problems = told("check", folder, code=1)["error"]["problems"]
    assert len(problems) == len(lines) - 1
    assert problems[0].keys() == {"file", "line", "column", "field", "got", "wanted", "message"}
    refused = told("publish", folder, "--home", tmp_path / "home", code=1)
    assert refused["error"]["problems"] == problems


def test_misuse_is_exit_code_2(tmp_path: Path) -> None:
    assert "Missing argument" in monoprint("check", code=2).stderr
    assert "does not exist" in monoprint("check", tmp_path / "nowhere", code=2).stderr
    assert "No such command" in monoprint("mnit", code=2).stderr


# ---- a home -----------------------------------------------------------------------------------------------------


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = monoprint("status", "abc", "--home", tmp_path / "file" / "home", code=1).stderr
    assert said.startswith(f"--home {tmp_path / 'file' / 'home'}: ")
    assert "choose a folder that you may write" in said


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where a collection is on sale that asks a human about every picture."""
    folder = tmp_path_factory.mktemp("cli")
    collection = small_collection(folder / "collection", review={"sample": 1.0}, redraws=2)
    for n in range(2):
        (folder / f"{n}.json").write_bytes(collector(n))
    (folder / "broken.json").write_text('{"owner": "0x12"}')
    said = monoprint("publish", collection, "--home", folder / "home").stdout
    assert "Weather Portraits is on sale, version " in said
    assert f"Next: monoprint request --collection {SLUG} --collector FILE" in said
    return folder / "home"


def filing(home: Path, file: str, slug: str = SLUG) -> list[str | Path]:
    return ["request", "--home", home, "--collection", slug, "--collector", home.parent / file]


def test_a_day_at_the_command_line(home: Path) -> None:
    """The twin lives as long as each command here, and the next goes on where it was."""
    filed = told(*filing(home, "0.json"), "--key", "first")
    assert filed["state"] == "in_review"
    request_id = filed["id"]

    waiting = monoprint("review", "--home", home).stdout
    assert request_id in waiting
    assert "Next: monoprint approve REQUEST_ID" in waiting

    redrawn = told("redraw", request_id, "--home", home, "--note", "the sky is too bright")
    assert (redrawn["state"], redrawn["attempt"]) == ("in_review", 2)
    assert redrawn["picture"]["sha256"] != filed["picture"]["sha256"]

    approved = monoprint("approve", request_id, "--home", home).stdout
    assert "minted" in approved
    assert "Why it looks as it does" in approved
    story = told("status", request_id, "--home", home)
    assert story["state"] == "minted"
    assert f"Token        {story['token']['token_id']}" in approved
    assert f"Its picture: monoprint status {request_id} --picture print.png" in approved
    monoprint("status", request_id, "--home", home, "--picture", home.parent / "print.png")
    saved = (home.parent / "print.png").read_bytes()
    assert hashlib.sha256(saved).hexdigest() == story["picture"]["sha256"]

    late = monoprint("reject", request_id, "--home", home, code=1).stderr
    assert late == "verdict: got reject, but local gave another before: approve\n"
    assert monoprint("review", "--home", home).stdout == "Nothing waits for you.\n"


def test_commands_share_the_twin_that_runs(home: Path) -> None:
    with up(home) as (running, process):
        assert running["url"] == json.loads((home / "twin.json").read_text())["url"]

        assert told("contract", "--home", home)["contract"] == running["contract"]
        assert f"The contract is there: {running['contract']}" in monoprint("contract", "--home", home).stdout

        second = monoprint("up", "--home", home, "--port", "0", code=1).stderr
        assert f"a twin runs here already (process {process.pid}); stop it, or give another --home" in second

        filed = monoprint(*filing(home, "1.json"), "--key", "second")
        assert "starting the twin" not in filed.stdout
        request_id = told("review", "--home", home)["requests"][0]["id"]
        assert f"monoprint approve {request_id}" in filed.stdout
        rejected = told("reject", request_id, "--home", home, "--note", "not this one")
        assert (rejected["state"], rejected["token"]) == ("rejected", None)
        # For who asks for the print that is no happy end.
        again = told(*filing(home, "1.json"), "--key", "second", code=1)
        assert (again["id"], again["state"]) == (request_id, "rejected")

        wrong = monoprint(*filing(home, "broken.json"), code=1).stderr
        assert wrong.startswith(f"{home.parent / 'broken.json'}: owner: got ")
        assert told(*filing(home, "broken.json"), code=1)["error"]["field"] == "owner"
        unknown = monoprint(*filing(home, "1.json", slug="nobodys"), code=1).stderr
        assert "got 'nobodys', wanted one that was published (`monoprint publish DIR`)" in unknown
        assert told("status", "abc", "--home", home, code=1)["error"]["code"] == "not_found"

        assert "--port " in taken(running["url"], home)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert not (home / "twin.json").exists()


def taken(url: str, home: Path) -> str:
    """What a twin of another home says of a port that is in use."""
    port = url.rpartition(":")[2]
    said = monoprint("up", "--home", home.parent / "other", "--port", port, code=1).stderr
    assert f"--port {port}: address already in use; choose another one, or 0 for one that is free" in said
    return said


def test_what_a_killed_twin_left_misleads_nobody(home: Path) -> None:
    with up(home) as (_, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        assert (home / "twin.json").exists()
        assert monoprint("review", "--home", home).stdout == "Nothing waits for you.\n"
    assert not (home / "twin.json").exists()


def test_commands_at_once_share_one_twin_which_waits_for_the_last(home: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        looks = [pool.submit(monoprint, "review", "--home", home) for _ in range(3)]
        assert [look.result().stdout for look in looks] == ["Nothing waits for you.\n"] * 3
    with Joined(Home.at(home)) as first:
        command = [sys.executable, "-m", "infra.cli", *map(str, filing(home, "0.json")), "--key", "at-once"]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert other.stdout is not None
        line = other.stdout.readline()
        assert " is filed" in line, line
        assert first.client.story(line.split()[3])["open"]
    said, _ = other.communicate(timeout=60)
    assert other.returncode == 0
    assert "in review" in said
    assert "starting the twin" not in said
    told("reject", line.split()[3], "--home", home)


def test_a_command_whose_twin_was_killed_starts_its_own_and_goes_on(home: Path) -> None:
    with up(home) as (running, process), Joined(Home.at(home)) as joined:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        assert joined.client.waiting() == []
        assert json.loads((home / "twin.json").read_text())["url"] != running["url"]
        assert joined.told("contract") == running["contract"]


def test_a_twin_does_not_start_on_half_a_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with up(home) as (running, _):
        pass
    (home / "signer").rename(tmp_path / "signer")
    missing = monoprint("up", "--home", home, "--port", "0", code=70).stderr
    assert "signer/transaction.json" in missing
    assert "restore it from the backup" in missing
    Home.at(tmp_path / "other")
    (tmp_path / "other" / "signer").rename(home / "signer")
    foreign = monoprint("up", "--home", home, "--port", "0", code=70).stderr
    assert "contract, minter, owner of another home" in foreign
    (home / "signer").rename(tmp_path / "not-ours")
    (tmp_path / "signer").rename(home / "signer")
    with up(home) as (again, _):
        assert again["contract"] == running["contract"]


def test_a_damaged_file_of_the_home_is_named(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    (home.path / "api-keys.json").write_text("")
    said = monoprint("review", "--home", home.path, code=70).stderr
    assert "api-keys.json: damaged" in said


def test_dead_says_when_nothing_gave_up(tmp_path: Path) -> None:
    assert monoprint("dead", "--home", tmp_path / "home").stdout == "Nothing gave up.\n"
    assert told("dead", "--home", tmp_path / "home", "--redrive")["redriven"] == 0


@pytest.mark.parametrize(
    ("state", "happy", "code"),
    [
        ("minted", "minted", 0),
        ("in_review", "minted", 0),
        ("parked", "minted", 0),
        ("rejected", "minted", 1),
        ("failed", "minted", 1),
        ("expired", "minted", 1),
        ("rendering", "minted", 75),
        ("rejected", "rejected", 0),
        ("failed", "rejected", 1),
        ("minted", "rejected", 1),
    ],
)
def test_the_exit_code_says_how_a_request_ended(state: str, happy: str, code: int) -> None:
    assert exit_code({"id": "abc", "state": state}, happy, Home(Path("unused"))) == code


def test_a_twin_that_does_not_answer_is_exit_code_75(tmp_path: Path) -> None:
    import fcntl

    home = Home.at(tmp_path / "home").path
    with closing(socket.create_server(("127.0.0.1", 0))) as server, open(home / "twin.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = server.getsockname()[1]
        server.close()
        (home / "twin.json").write_text(json.dumps({"pid": 1, "url": f"http://127.0.0.1:{port}"}))
        said = monoprint("status", "abc", "--home", home, code=75).stderr
    assert f"the twin at http://127.0.0.1:{port} does not answer" in said


def test_a_missing_anvil_says_what_installs_it(tmp_path: Path) -> None:
    code = (
        "import pathlib, infra.twin.anvil as anvil, infra.cli\n"
        "anvil.Anvil.__init__.__kwdefaults__['root'] = pathlib.Path('/nowhere')\n"
        f"infra.cli.main(['up', '--home', {str(tmp_path / 'home')!r}, '--port', '0'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 70
    assert "run `make setup`" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_may_do_what_it_was_made_for_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = told("key", "--home", home, "--account", "a-game", "--role", "mint", "--collection", "one")["key"]
    with closing(SqliteLedger.open(Home.at(home).ledger_url, clock=utc_now)) as ledger:
        caller = accounts.authenticate(ledger, made, Role.MINT)
        assert (caller.account, caller.may_touch("one"), caller.may_touch("two")) == ("a-game", True, False)
        with pytest.raises(Forbidden):
            accounts.authenticate(ledger, made, Role.REVIEW)
        assert made not in repr(ledger.query(f"apikey#{hashlib.sha256(made.encode()).hexdigest()}"))
