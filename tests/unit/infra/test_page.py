"""The page of a demo: whatever artists and files are called, it stays a page."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from infra.page import write_page
from shared.collection.load import read_folder

EXAMPLES = Path(__file__).parents[3] / "shared" / "collection" / "examples"
NASTY = "<script>alert('1')</script>\"&{name}"


class Page(HTMLParser):
    """Tags with their attributes, and the headings' levels in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if tag in {"h1", "h2", "h3"}]


def token(name: str, collector: str = "1-ana") -> dict[str, Any]:
    return {
        "collector": collector,
        "name": name,
        "request_id": "ab" * 32,
        "owner": "0x" + "1" * 40,
        "token_id": "9" * 77,
        "tx_hash": "0x" + "2" * 64,
        "gas_used": 93_834,
        "metadata_cid": "bafkrei" + "m" * 52,
        "image_cid": "bafybei" + "i" * 52,
        "image_sha256": "3" * 64,
        "picture": f"pictures/{collector}.png",
        "traits": {"form": "Helm", name: name},
        "reasons": {"form": "You said so.", name: name},
        "seconds": {"plan": 0.25, "render": 10.5},
    }


@pytest.fixture
def collection() -> Any:
    return read_folder(EXAMPLES / "weather-portraits").collection


def write(tmp_path: Path, collection: Any, *tokens: dict[str, Any]) -> str:
    (tmp_path / "out").mkdir()
    told = {"contract": "0x" + "4" * 40, "chain_id": 31337, "collection": {"slug": "x", "digest": "5" * 64}}
    write_page(tmp_path / "out" / "index.html", collection, told | {"tokens": tokens})
    return (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_it_has_one_heading_of_the_first_level_and_skips_none(tmp_path: Path, collection: Any) -> None:
    page = Page(write(tmp_path, collection, token("Helm"), token("Shield", "2-bo")))
    assert page.headings == [1, 2, 3, 3, 2, 3, 3, 2]
    assert page.all("html") == [{"lang": "en"}]


def test_every_picture_has_an_alternative_and_every_link_a_place(tmp_path: Path, collection: Any) -> None:
    page = Page(write(tmp_path, collection, token("Helm"), token("Shield", "2-bo")))
    assert [image["alt"] for image in page.all("img")] == ["", "", "Helm: Helm, Helm", "Shield: Helm, Shield"]
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    anchors = {str(link["href"])[1:] for link in page.all("a") if str(link["href"]).startswith("#")}
    assert anchors == ids == {"prints", "print-1", "print-2"}


def test_nothing_that_it_quotes_becomes_markup_or_leads_elsewhere(tmp_path: Path, collection: Any) -> None:
    nasty = collection.model_copy(update={"name": NASTY, "artist": NASTY, "description": NASTY})
    page = Page(write(tmp_path, nasty, token(NASTY, "a#b?c'd\"e")))
    assert not page.all("script")
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.all("img")[0]["src"] == "pictures/a%23b%3Fc%27d%22e.png"
    places = [str(link.get("href") or link.get("src")) for link in page.all("a", "img", "link")]
    assert not [place for place in places if ":" in place and not place.startswith("data:image/svg+xml,")]


def test_it_allows_itself_nothing_but_its_own_pictures_and_style(tmp_path: Path, collection: Any) -> None:
    page = Page(write(tmp_path, collection, token("Helm")))
    (policy,) = [meta for meta in page.all("meta") if meta.get("http-equiv") == "content-security-policy"]
    assert policy["content"] == "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"
