"""What the docs say is so: commands are run, JSON and YAML are parsed by what they are for, links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from click.testing import CliRunner

from infra.cli import main
from infra.twin.home import Home
from shared.collection.load import read_folder
from shared.collection.scene import scene
from shared.collection.schema import Collection
from shared.errors import MonoprintError
from shared.painting.paint import paint
from shared.painting.svg import Profile, read_layer
from shared.painting.vocabulary import VOCABULARY
from shared.profile.sources import Collector

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("commands", ROOT / "docs" / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_chapter_of_commands_is_what_they_print() -> None:
    assert (ROOT / "docs" / "6-commands.md").read_text() == commands_script().render()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    assert not re.search(r"(?<![\w.])/(?:work|root|home|tmp|Users)/", page.read_text())


def test_commands_in_the_readme_and_chapters_exist_and_take_these_options() -> None:
    """Every `monoprint ...` line is parsed by the command that it names; the quick ones are run as well."""
    seen: set[str] = set()
    for page in PAGES:
        text = re.sub(r"\\\n\s*", " ", page.read_text())
        for line in re.findall(r"^(?:    |\$ )(?:\.venv/bin/)?monoprint +([a-z].*)$", text, re.MULTILINE):
            arguments = shlex.split(re.split(r"\s{3,}| # | &|\s--- ", line)[0])
            command = main.commands[arguments[0]]
            given = [
                a.replace("DIR", ".").replace("FILE", "README.md").replace("me.json", "README.md") for a in arguments
            ]
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(ROOT)
                command.make_context(arguments[0], given[1:])
            seen.add(arguments[0])
    assert {"check", "publish", "request"} <= seen


def test_the_checked_example_is_well_formed() -> None:
    told = CliRunner().invoke(main, ["check", str(ROOT / "shared/collection/examples/ember-order"), "--json"])
    assert told.exit_code == 0
    assert json.loads(told.output)["collection"] == "ember-order"


def test_the_body_in_the_api_chapter_is_one_that_is_taken() -> None:
    first = blocks(ROOT / "docs" / "4-http-api.md", "json")[0]
    assert Collector.parse(first).collector == "guest-3"


def test_every_error_code_that_a_caller_may_see_is_in_the_api_chapter() -> None:
    chapter = (ROOT / "docs" / "4-http-api.md").read_text()
    from shared import errors

    for kind in vars(errors).values():
        if (
            isinstance(kind, type)
            and issubclass(kind, MonoprintError)
            and kind.status in {400, 401, 403, 404, 409, 413}
        ):
            assert f"`{kind.code}`" in chapter, kind.code


def test_every_file_of_a_home_is_told(tmp_path: Path) -> None:
    """The chapter and the module's docstring name what a home holds."""
    import infra.twin.home as module

    chapter = (ROOT / "docs" / "5-one-machine.md").read_text()
    Home.at(tmp_path / "home")
    for name in (
        "ledger.db",
        "queues.db",
        "blobs/",
        "blocks/",
        "chain/",
        "signer/",
        "master.key",
        "salt",
        "twin.jsonl",
    ):
        assert name in chapter
        assert name in (module.__doc__ or "")


def test_the_collection_in_its_chapter_is_whole(tmp_path: Path) -> None:
    (tmp_path / "collection.yaml").write_text(blocks(ROOT / "docs" / "3-a-collection.md", "yaml")[0])
    (tmp_path / "art").mkdir()
    draft = read_folder(tmp_path)
    assert draft.collection.name == "Night Moths"
    values = {trait: next(iter(said.values)) for trait, said in draft.collection.traits.items()}
    assert paint(scene(draft.collection, values, draft.layers), seed=1, width_px=64).shape == (64, 64, 3)


def test_the_chapter_of_collections_tells_every_role_and_profile() -> None:
    chapter = (ROOT / "docs" / "3-a-collection.md").read_text()
    for role in VOCABULARY:
        assert f"`{role}`" in chapter
    for profile in get_args(Profile):
        assert profile in chapter


def test_the_layer_in_the_chapter_of_collections_is_let_in() -> None:
    layer = read_layer("moth.svg", blocks(ROOT / "docs" / "3-a-collection.md", "xml")[0].encode())
    assert [part.slot for part in layer.parts] == ["body", "trim"]


def test_every_field_of_a_collection_is_told() -> None:
    chapter = (ROOT / "docs" / "3-a-collection.md").read_text()
    for field in Collection.model_fields.keys() - {"external_url", "price_wei", "reroll_fee_wei"}:
        assert f"`{field}" in chapter, field
