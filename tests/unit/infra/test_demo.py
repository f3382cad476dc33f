"""What a demo does to folders and rounds, without a twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import demo, out_folder
from infra.twin.home import Home
from shared.errors import Rejected, Transient


def story(request_id: str, state: str, reason: str | None = None) -> dict[str, Any]:
    return {"id": request_id, "state": state, "reason": reason}


def test_a_folder_with_somebodys_own_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(Rejected, match=r"--out .*: got a folder with thesis\.odt in it"):
        out_folder.prepare(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Rejected, match=r"--out .*file/out: .*; choose a folder"):
        out_folder.prepare(tmp_path / "file" / "out")


def test_an_empty_folder_and_one_that_a_killed_demo_left_are_taken(tmp_path: Path) -> None:
    out_folder.prepare(tmp_path / "out")
    (tmp_path / "out" / "pictures" / "1.png").write_text("")
    out_folder.prepare(tmp_path / "out")


def test_only_what_an_earlier_round_left_is_taken_away(tmp_path: Path) -> None:
    out_folder.prepare(tmp_path)
    (tmp_path / "demo.json").write_text(json.dumps({"tokens": [{"collector": "one"}, {"collector": "../two"}]}))
    ours = ["pictures/one.png", "metadata/one.json", "cars/one.image.car", "cars/one.metadata.car"]
    theirs = ["pictures/mine.png", "two.png", "cars/one.txt"]
    for name in ours + theirs:
        (tmp_path / name).write_text("")
    out_folder.clear(tmp_path)
    assert not any((tmp_path / name).exists() for name in ours)
    assert all((tmp_path / name).exists() for name in theirs)


def test_a_round_ends_when_every_request_ended_and_only_then(tmp_path: Path) -> None:
    home, names = Home.at(tmp_path), {"a": "ana", "b": "bo"}
    assert demo._round(home, "slug") == 1

    with pytest.raises(Transient, match="1 of 2 requests did not end within 9 s") as late:
        demo._finish_round(home, "slug", 1, names, [story("a", "minted"), story("b", "in_review")], 9)
    assert "bo is in review\n    monoprint status b" in str(late.value)
    assert str(tmp_path / "log" / "twin.jsonl") in str(late.value)
    assert demo._round(home, "slug") == 1

    with pytest.raises(Rejected, match="1 of 2 requests ended without a token") as refused:
        demo._finish_round(home, "slug", 1, names, [story("a", "minted"), story("b", "rejected", "sold out")], 9)
    assert "bo is rejected: sold out" in str(refused.value)
    assert demo._round(home, "slug") == 2

    demo._finish_round(home, "slug", 2, names, [story("a", "minted"), story("b", "minted")], 9)
    assert demo._round(home, "slug") == 3
    assert demo._round(home, "another") == 1
