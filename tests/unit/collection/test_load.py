"""A folder is read whole: whatever is wrong is said at once, with file, line, column, field, got and wanted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.collection.load import MAX_DNA_BYTES, check, read_folder
from shared.collection.problems import InvalidCollection, Problem
from shared.collection.yaml_nodes import Document
from tests.unit.collection.samples import EXAMPLES, NAMES, SVG, TINY, draft

HEAD = """slug: tiny
name: Tiny
artist: A. Nobody
description: Two shapes.
redraws: 1
supply: 2
title: A print
prompt: a {shape}
traits:
  shape:
    plays: form
    values:
      round:
        prompt: circle
        paint: {layer: round.svg}
      square:
        prompt: block
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "round.svg").write_bytes(SVG)
    (tmp_path / "collection.yaml").write_text(HEAD, "utf-8")
    return tmp_path


def problems(folder: Path, dna: str | None = None) -> tuple[Problem, ...]:
    if dna is not None:
        (folder / "collection.yaml").write_text(dna, "utf-8")
    return check(folder)


def only(found: tuple[Problem, ...]) -> str:
    assert len(found) == 1, "\n".join(map(str, found))
    return str(found[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_whole(name: str) -> None:
    assert check(EXAMPLES / name) == ()
    assert draft(name).unused == ()
    assert set(draft(name).layers) == {file.name for file in (EXAMPLES / name / "art").iterdir()}


def test_a_whole_folder_is_read(folder: Path) -> None:
    read = read_folder(folder)
    assert read.collection.slug == "tiny"
    assert read.layers == {"round.svg": SVG}


def test_the_order_of_the_artist_is_kept(folder: Path) -> None:
    dna = HEAD.replace("round:\n", "zz:\n")
    (folder / "collection.yaml").write_text(dna, "utf-8")
    assert list(read_folder(folder).collection.traits["shape"].values) == ["zz", "square"]


SQUARE = "      square:\n"
PAINT = "{layer: round.svg}"
VALUES = "traits.shape.values"
BLOCK = "prompt: block"
IN_QUOTES = "a name; write it in quotes: "
WITH_DIGITS = "a number with digits before and after the point: "
AS_TEXT = "text; YAML reads it otherwise, so write it in quotes"
NO_ALIAS = "no anchors or aliases: write it out"

SLIPS = [
    ("supply: 2", "supply: two", "6:9", "supply", "'two'", "integer"),
    ("supply: 2", "suply: 2", "6:1", "suply", "the unknown field 'suply'", "'supply'? One of slug,"),
    ("supply: 2", "supply: 3", "6:9", "supply", "3", "at most 2: so many different prints there are"),
    (PAINT, "{layer: ronde.svg}", "15:9", f"{VALUES}.round.paint", "layer ronde.svg", "a file under art/: 'round."),
    (PAINT, "{layr: round.svg}", "15:17", f"{VALUES}.round.paint.layr", "the unknown field 'layr'", "'layer'? One of"),
    (PAINT, "&a {layer: round.svg}", "15:16", "", "the anchor &a", NO_ALIAS),
    (PAINT, "*a", "15:16", "", "the alias *a", NO_ALIAS),
    (PAINT, "{layer: round.svg", "16:13", "", "expected ',' or '}', but got ':'", "YAML: while parsing a flow"),
    (PAINT, "[" * 40 + "]" * 40, "15:35", "", "nesting 25 deep", "at most 24"),
    ("plays: form", "plays: from", "11:12", "traits.shape.plays", "'from'", "one of 'form'"),
    (SQUARE, "      No:\n", "16:7", VALUES, "No, which YAML reads as true or false", f"{IN_QUOTES}'No'"),
    (SQUARE, "      2024:\n", "16:7", VALUES, "2024, which YAML reads as a number", f"{IN_QUOTES}'2024'"),
    (SQUARE, "      ~:\n", "16:7", VALUES, "~, which YAML reads as nothing", f"{IN_QUOTES}'~'"),
    (SQUARE, "      round:\n", "16:7", f"{VALUES}.round", "the key 'round' twice", "each key once"),
    (BLOCK, "prompt: yes", "17:17", f"{VALUES}.square.prompt", "true", AS_TEXT),
    (BLOCK, "prompt: 7", "17:17", f"{VALUES}.square.prompt", "7", AS_TEXT),
    (BLOCK, "prompt: !!python/name:os.system x", "17:17", f"{VALUES}.square.prompt",
     "the tag tag:yaml.org,2002:python/name:os.system", "plain YAML without tags"),
    (BLOCK, f"{BLOCK}\n        weight: -.5", "18:17", f"{VALUES}.square.weight",
     "-.5, which YAML reads as text", f"{WITH_DIGITS}-0.5"),
    (BLOCK, f"{BLOCK}\n        weight: 1e3", "18:17", f"{VALUES}.square.weight",
     "1e3, which YAML reads as text", f"{WITH_DIGITS}1000.0"),
    ("a {shape}", "a {shpe}", "8:9", "prompt", "{shpe}", "a trait: 'shape'? One of shape"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "field", "got", "wanted"), SLIPS)
def test_each_slip_is_found_where_it_is(
    folder: Path, old: str, new: str, place: str, field: str, got: str, wanted: str
) -> None:
    assert old in HEAD
    found = [str(problem) for problem in problems(folder, HEAD.replace(old, new))]
    expected = f"collection.yaml:{place}: {field + ': ' if field else ''}got {got}, wanted "
    assert any(problem.startswith(expected) and wanted in problem for problem in found), "\n".join(found)


def test_a_reference_that_leads_nowhere_is_found_on_its_own_line(folder: Path) -> None:
    wrong = HEAD.replace("prompt: circle\n", "prompt: circle\n        excludes: {shape2: big}\n")
    line = wrong.splitlines().index("        excludes: {shape2: big}") + 1
    assert only(problems(folder, wrong)).startswith(
        f"collection.yaml:{line}:28: traits.shape.values.round.excludes.shape2: got"
    )


def test_problems_of_yaml_and_art_come_together(folder: Path) -> None:
    (folder / "art" / "round.svg").write_bytes(SVG.replace(b"<circle", b"<script/><circle"))
    found = [
        str(problem)
        for problem in problems(folder, HEAD.replace("supply: 2", "supply: none").replace("redraws: 1", "redraws: t"))
    ]
    assert [problem.partition(": got")[0] for problem in found] == [
        "collection.yaml:5:10: redraws", "collection.yaml:6:9: supply", "art/round.svg:2:21"]  # fmt: skip


def test_a_second_document_is_refused(folder: Path) -> None:
    assert "got" in only(problems(folder, HEAD + "---\nslug: other\n"))


@pytest.mark.parametrize("dna", ["", "- a\n- b\n", "just text", "\tx: 1", "a: b: c", "\x00"])
def test_what_is_no_mapping_is_refused(folder: Path, dna: str) -> None:
    assert problems(folder, dna)


def test_other_encodings_are_refused(folder: Path) -> None:
    (folder / "collection.yaml").write_bytes(HEAD.replace("Tiny", "Zähne").encode("latin-1"))
    assert only(check(folder)) == "collection.yaml:2:1: got bytes that are not UTF-8, wanted UTF-8 text"


def test_a_misplaced_file_is_named(folder: Path) -> None:
    for path in ("Thumbs.db", "art/readme.pdf", "art/Round.svg", "lora/weights.bin", "collectors/1.yaml", "old/x"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("x")
    (folder / ".DS_Store").write_text("x")
    (folder / "README.md").write_text("x")
    found = sorted(problem.file for problem in check(folder))
    assert found == ["Thumbs.db", "art/Round.svg", "art/readme.pdf", "collectors/1.yaml", "lora/weights.bin", "old/"]


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.svg"
    secret.write_bytes(SVG)
    (folder / "art" / "link.svg").symlink_to(secret)
    assert "art/link.svg: got a link" in only(check(folder))
    (folder / "collection.yaml").replace(folder.parent / "moved.yaml")
    (folder / "collection.yaml").symlink_to(folder.parent / "moved.yaml")
    with pytest.raises(InvalidCollection, match="a symbolic link"):
        read_folder(folder)


def test_sizes_are_limited(folder: Path) -> None:
    big = problems(folder, HEAD + "# " + "x" * MAX_DNA_BYTES)
    assert "at most 524288" in only(big)
    (folder / "collection.yaml").write_text(HEAD)
    for n in range(70):
        (folder / "art" / f"l{n}.svg").write_bytes(SVG)
    assert only(check(folder)) == "art/: got 71 layers, wanted at most 64"


def test_an_empty_place_is_no_collection(tmp_path: Path) -> None:
    assert "got no such file" in only(check(tmp_path))
    assert "got no folder" in only(check(tmp_path / "nowhere"))
    (tmp_path / "collection.yml").write_text("x")
    assert "(but collection.yml)" in str(check(tmp_path)[0])


def test_layers_that_nothing_uses_are_told_and_not_published(folder: Path) -> None:
    (folder / "art" / "spare.svg").write_bytes(SVG)
    read = read_folder(folder)
    assert read.unused == ("spare.svg",)
    assert "spare.svg" not in read.layers


def test_a_slot_that_no_material_fills_is_found(folder: Path) -> None:
    material = """  stuff:
    plays: material
    values:
      gold: {prompt: gold, paint: {slots: {trim: gold}}}
"""
    dna = HEAD.replace("traits:\n", "substances: {gold: {color: '#ffcc00'}}\ntraits:\n") + material
    assert only(problems(folder, dna)) == (
        "collection.yaml:22:36: traits.stuff.values.gold.paint.slots: got nothing for slot 'body' of round.svg, "
        "wanted a substance for it, or for '*'"
    )


# Text that looks like a number is refused on purpose where it stands without quotes; a writer may leave them out.
plain = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=8
).filter(lambda text: not re.match(r"[-+]?[.\d]", text))
json_like: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=50)
@given(st.dictionaries(plain, json_like, max_size=4))
def test_what_a_yaml_writer_writes_is_read_back(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False, default_flow_style=None)
    document = Document("x.yaml", text.encode())
    if any("anchor" in problem.got for problem in document.problems):
        return  # the writer shares equal empty lists by an alias
    assert document.problems == []
    assert document.data == data


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    document = Document("x.yaml", data)
    assert document.data is not None or document.problems


def test_the_tiny_dna_of_the_other_tests_is_sound() -> None:
    assert TINY["supply"] == 4
