"""Lines of the log: names in one place, one id from tap to token, numbers CloudWatch reads, nothing private."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from shared.errors import Defect, Rejected
from shared.observe import Fields, Log, concerns, doing, log, log_error
from shared.ports.chain.rpc_errors import error_for
from tests.unit.logged import captured, parsed

PAGE = (Path(__file__).parents[2] / "docs" / "8-logs-and-metrics.md").read_text()


def first_column(heading: str) -> list[str]:
    (section,) = [text for text in re.split(r"^## ", PAGE, flags=re.MULTILINE) if text.startswith(heading)]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_the_chapter_lists_every_name_and_key_and_no_other() -> None:
    assert first_column("What happened") == [event.value for event in Log]
    assert first_column("Keys") == list(Fields.__annotations__)


def test_names_are_past_tense_and_snake_case() -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", event.value) for event in Log)


def test_a_line_has_the_id_of_the_call_until_a_request_is_known() -> None:
    with captured() as lines:
        with doing("intake", "call-1"):
            log(Log.CALL_ANSWERED)
            concerns("request-1")
            log(Log.CALL_ANSWERED)
        with doing("sweep", "event-1"):
            log(Log.REQUEST_WOKEN, request_id="request-2")
            log(Log.RUN_FINISHED)
        log(Log.TRANSACTION_REBROADCAST)
    ids = [line.get("correlation_id") for line in parsed(lines)]
    assert ids == ["call-1", "request-1", "request-2", "event-1", None]


def test_two_at_once_do_not_mix_their_ids() -> None:
    both = threading.Barrier(2)

    def work(name: str) -> None:
        with doing(name, name):
            both.wait()
            concerns(f"request of {name}")
            both.wait()
            log(Log.STEP_FINISHED, duration_ms=1.5)

    with captured() as lines:
        threads = [threading.Thread(target=work, args=(name,)) for name in ("plan", "mint")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {(line["stop"], line["correlation_id"]) for line in parsed(lines)} == {
        ("plan", "request of plan"),
        ("mint", "request of mint"),
    }


def test_a_line_is_counted_by_stop_and_a_move_by_state() -> None:
    with captured() as lines, doing("judge", "id"):
        log(Log.STEP_FINISHED, duration_ms=12.5)
        log(Log.REQUEST_MOVED, state="approved")
    finished, moved = parsed(lines)
    assert finished["step_finished"] == [1.0]
    assert finished["duration_ms"] == [12.5]
    told = [line["_aws"]["CloudWatchMetrics"][0] for line in (finished, moved)]
    assert [sorted(one["Dimensions"][0]) for one in told] == [["service", "stop"], ["service", "state"]]
    assert {one["Namespace"] for one in told} == {"Monoprint"}


@pytest.mark.parametrize("error", [ValueError("a private word"), Rejected("a private word")])
def test_an_error_is_told_by_its_kind_and_place_and_never_by_its_words(error: Exception) -> None:
    with captured() as lines:
        try:
            raise error
        except Exception as raised:  # noqa: BLE001 - as a handler does
            log_error(Log.STEP_FAILED, raised)
    assert "private" not in lines.getvalue()
    (line,) = parsed(lines)
    assert line["error"] == type(error).__name__
    assert re.fullmatch(r"test_observe\.py:\d+", line["where"])


def test_a_defect_says_what_a_human_must_mend() -> None:
    with captured() as lines:
        log_error(Log.STEP_FAILED, Defect("queue mint: the role lacks sqs:SendMessage (AccessDenied)"))
    assert parsed(lines)[0]["detail"] == "queue mint: the role lacks sqs:SendMessage (AccessDenied)"


@pytest.mark.parametrize("code", [-32601, -32000])
def test_what_a_node_says_is_never_logged(code: int) -> None:
    """Providers answer with the project's key in their words."""
    words = (
        "the method eth_chainId does not exist for /v2/hunter2hunter2" if code == -32601 else "intrinsic gas too low"
    )
    error = error_for(words, code)
    assert isinstance(error, Defect)
    with captured() as lines:
        log_error(Log.STEP_FAILED, error)
    assert words not in lines.getvalue()
    assert parsed(lines)[0]["error"] == type(error).__name__
