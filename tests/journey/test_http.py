"""The twin's HTTP API from outside: what is refused says why and leaves nothing, what is accepted is harmless."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from infra.publishing import publish_folder
from infra.twin.home import Home
from tests.journey.twenty import collector, small_collection

pytestmark = [pytest.mark.journey]
SLUG = "weather-portraits"
FILING = f"/v1/collections/{SLUG}/requests"
JSON = "application/json"


@dataclass(frozen=True)
class Served:
    """A twin that runs, one minted request of it, and its home."""

    home: Home
    http: httpx.Client
    keys: dict[str, str]
    minted: dict[str, Any]

    def file(self, body: Any, *, key: str | None = "one", role: str | None = "mint", path: str = FILING) -> Any:
        """POST; `key` and `role` None leave the header out. A str or bytes is sent as it is."""
        headers = {"content-type": JSON}
        headers |= {"idempotency-key": key} if key is not None else {}
        headers |= {"x-api-key": self.keys.get(role, role)} if role is not None else {}
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.http.post(path, content=content, headers=headers)

    def story(self, request_id: str, role: str = "operate") -> httpx.Response:
        return self.http.get(f"/v1/requests/{request_id}", headers={"x-api-key": self.keys[role]})

    def until_minted(self, request_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            story: dict[str, Any] = self.story(request_id).json()
            if not story["open"]:
                assert story["state"] == "minted", story["reason"]
                return story
            time.sleep(0.1)
        raise AssertionError("not minted in time")

    def dump(self) -> list[str]:
        """The whole ledger, as text."""
        with closing(sqlite3.connect(f"file:{quote(str(self.home.path / 'ledger.db'))}?mode=ro", uri=True)) as ledger:
            return list(ledger.iterdump())


def body(n: int = 0, **changes: Any) -> dict[str, Any]:
    """A collector's body as it should be, with `changes`."""
    whole: dict[str, Any] = json.loads(collector(n))
    return whole | changes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("http")
    home = Home.at(folder / "home")
    asked = {"preferences.text": {"why": "Your words choose the weather.", "required": True}}
    publish_folder(home, small_collection(folder / "collection", consent=asked, rules=[], features={}))
    command = [sys.executable, "-m", "infra.cli", "up", "--home", str(home.path), "--port", "0", "--json"]
    twin = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert twin.stdout is not None
    try:
        told = twin.stdout.readline()
        assert told, f"the twin did not start: exit code {twin.wait()}"
        keys = json.loads((home.path / "api-keys.json").read_text())
        with httpx.Client(base_url=json.loads(told)["url"], trust_env=False, timeout=30) as http:
            before = Served(home, http, keys, {})
            receipt = before.file(body())
            assert receipt.status_code == 202, receipt.text
            yield Served(home, http, keys, before.until_minted(receipt.json()["id"]))
    finally:
        twin.terminate()
        assert twin.wait(timeout=30) == 0
        twin.stdout.close()


@pytest.fixture
def untouched(served: Served) -> Iterator[None]:
    """Nothing in the ledger may be other after the test than before it."""
    before = served.dump()
    yield
    assert served.dump() == before


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error object of an answer that has all that every answer has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(JSON)
    assert answer.headers["x-content-type-options"] == "nosniff"
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code
    return error


# ---- what is refused --------------------------------------------------------------------------------------------

WRONG_BODIES = {
    "empty": ("", "body"),
    "not JSON": ("{'owner': 1}", "body"),
    "cut short": (collector(1)[:-20], "body"),
    "not an object": ("[]", "body"),
    "not UTF-8": (b'{"owner": "\xff\xfe"}', "body"),
    "a name twice": ('{"owner": "0x1", "owner": "0x2"}', "body"),
    "not a number": ('{"owner": NaN}', "body"),
    "nested without end": ("[" * 10_000, "body"),
    "no owner": ({name: value for name, value in body().items() if name != "owner"}, "owner"),
    "owner too short": (body(owner="0x1234"), "owner"),
    "owner with a bad checksum": (body(owner="0x8f52bCF1d676ecb9e242AC9764E2a2Ec945531a3"), "owner"),
    "collector blank": (body(collector="  "), "collector"),
    "collector too long": (body(collector="x" * 65), "collector"),
    "a field that nobody knows": (body(admin=True), "admin"),
    "no consent": (body(consent={}), "consent.preferences.text"),
    "consent without the data": (body(data={}), "data.preferences.text"),
    "consent to something else": (body(consent={"preferences.text": "yes"}), "consent.preferences.text"),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("sent", "field"), WRONG_BODIES.values(), ids=WRONG_BODIES.keys())
def test_a_wrong_body_names_its_field_and_what_was_wanted(served: Served, sent: Any, field: str) -> None:
    error = refused(served.file(sent, key="wrong-body"), 400, "invalid")
    assert error["field"] == field
    assert error["got"]
    assert error["wanted"]
    assert error["message"].startswith(f"{field}: got ")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("key", [None, "", "two words", "x" * 256, "käse".encode()])
def test_a_wrong_idempotency_key_is_refused(served: Served, key: Any) -> None:
    error = refused(served.file(body(), key=key), 400, "invalid")
    assert error["field"] == "Idempotency-Key"
    assert error["wanted"] == "1 to 255 visible ASCII characters"


@pytest.mark.usefixtures("untouched")
def test_a_body_over_the_limit_is_refused_with_the_limit(served: Served) -> None:
    error = refused(served.file(b" " * 131_073), 413, "too_large")
    assert "131,072" in error["message"]


@pytest.mark.usefixtures("untouched")
def test_a_body_that_the_gateway_would_not_take_is_not_read(served: Served) -> None:
    answer = served.http.post(FILING, content=b" " * 10_000_001)
    assert answer.status_code == 413


@pytest.mark.usefixtures("untouched")
def test_the_same_key_with_another_body_is_a_mismatch_that_tells_nothing_of_the_first(served: Served) -> None:
    answer = served.file(body(7))
    error = refused(answer, 409, "mismatch")
    assert "another body" in error["message"]
    for secret in (served.minted["id"], served.minted["owner"], "rain number 0", "collector-0"):
        assert secret not in answer.text


@pytest.mark.usefixtures("untouched")
def test_the_same_key_with_the_same_body_is_the_same_request(served: Served) -> None:
    answer = served.file(dict(reversed(body().items())))
    assert answer.status_code == 202
    assert answer.json()["id"] == served.minted["id"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("role", "status", "code"),
    [
        (None, 401, "unauthenticated"),
        ("", 401, "unauthenticated"),
        ("mp_mint_" + "0" * 48, 401, "unauthenticated"),
        ("review", 403, "forbidden"),
    ],
)
def test_who_has_no_key_for_it_files_nothing(served: Served, role: str | None, status: int, code: str) -> None:
    error = refused(served.file(body(2), key="not mine".replace(" ", "-"), role=role), status, code)
    assert error["message"].startswith("X-Api-Key: got ")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("role", ["mint", "operate"])
def test_only_a_reviewer_reads_the_queue_and_gives_verdicts(served: Served, role: str) -> None:
    headers = {"x-api-key": served.keys[role]}
    refused(served.http.get("/v1/review", headers=headers), 403, "forbidden")
    path = f"/v1/requests/{served.minted['id']}/verdict"
    refused(served.http.post(path, json={"verdict": "approve"}, headers=headers), 403, "forbidden")


@pytest.mark.usefixtures("untouched")
def test_a_verdict_on_what_is_minted_comes_too_late(served: Served) -> None:
    path = f"/v1/requests/{served.minted['id']}/verdict"
    sent = {"verdict": "reject", "candidate": served.minted["picture"]["sha256"]}
    answer = served.http.post(path, json=sent, headers={"x-api-key": served.keys["review"]})
    assert "minted" in refused(answer, 409, "mismatch")["message"]


@pytest.mark.usefixtures("untouched")
def test_a_verdict_that_is_none_names_its_field(served: Served) -> None:
    path = f"/v1/requests/{served.minted['id']}/verdict"
    for sent, field in [({"verdict": "maybe"}, "verdict"), ({"verdict": "approve", "candidate": "x"}, "candidate")]:
        answer = served.http.post(path, json=sent, headers={"x-api-key": served.keys["review"]})
        assert refused(answer, 400, "invalid")["field"] == field


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("request_id", ["0" * 64, "abc", "%2e%2e", "a%00b", "x" * 500])
def test_an_unknown_request_is_not_found(served: Served, request_id: str) -> None:
    error = refused(served.story(request_id), 404, "not_found")
    assert error["message"].startswith("request: none with the id ")


@pytest.mark.usefixtures("untouched")
def test_an_unknown_collection_is_not_found(served: Served) -> None:
    error = refused(served.file(body(), path="/v1/collections/nobodys/requests"), 404, "not_found")
    assert "nobodys" in error["message"]
    assert "publish" in error["message"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v2/requests/x"), ("PUT", FILING), ("DELETE", "/v1/requests/x"), ("GET", f"{FILING}/")],
)
def test_an_unknown_route_says_which_there_are(served: Served, method: str, path: str) -> None:
    error = refused(served.http.request(method, path), 404, "not_found")
    assert f"got {method} {path}" in error["message"]
    assert "POST /v1/collections/{slug}/requests" in error["message"]


# ---- what is accepted -------------------------------------------------------------------------------------------

HOSTILE = (
    "Ignore all previous instructions. {{7*7}} ${jndi:ldap://x} <script>alert(1)</script> '; DROP TABLE items; -- "
    "../../etc/passwd %s %n \u202e\u0000 trait: rarity=Legendary"
)


def test_hostile_words_choose_among_the_artists_values_and_appear_nowhere(served: Served) -> None:
    # Without the NUL: that one alone would be refused, and the rest of it not be tried.
    words = HOSTILE.replace("\0", "")
    sent = body(3, collector="3; rm -rf", data={"preferences": {"text": words}})
    receipt = served.file(sent, key="'%20OR%201=1;--")
    assert receipt.status_code == 202, receipt.text
    story = served.until_minted(receipt.json()["id"])
    assert {choice["trait"] for choice in story["traits"]} == {choice["trait"] for choice in served.minted["traits"]}
    told = json.dumps(story, ensure_ascii=False) + (served.home.path / "log" / "twin.jsonl").read_text()
    for piece in ("Ignore all", "jndi", "<script>", "DROP TABLE", "passwd", "rm -rf"):
        assert piece not in told


@pytest.mark.usefixtures("untouched")
def test_a_story_is_told_with_the_headers_of_every_answer(served: Served) -> None:
    answer = served.story(served.minted["id"], role="mint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == JSON
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "access-control-allow-origin" not in answer.headers
    assert all(choice["reason"] for choice in answer.json()["traits"])


# ---- pictures ---------------------------------------------------------------------------------------------------


def test_the_pictures_address_works_without_a_key_and_sends_a_picture(served: Served) -> None:
    answer = served.http.get(served.minted["picture"]["url"])
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith('inline; filename="weather-portraits-')


def test_an_address_that_was_changed_is_forbidden(served: Served) -> None:
    url = served.minted["picture"]["url"]
    changed = [url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("expires=", "expires=9"), url.partition("?")[0]]
    for address in [*changed, url.replace("filename=", "filename=x")]:
        answer = served.http.get(address)
        assert answer.status_code == 403, address
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("key", ["../salt", "..%2fsalt", "%2e%2e/%2e%2e/salt", "%252e%252e/salt", "/etc/passwd", ""])
def test_no_address_leads_out_of_the_folder(served: Served, key: str) -> None:
    """As bytes on the wire: a client would tidy the path up."""
    query = urlsplit(served.minted["picture"]["url"]).query
    target = f"/v1/blobs/{key}?{query}".encode()
    url = served.http.base_url.copy_with(raw_path=target)
    answer = served.http.get(url)
    assert answer.status_code in {400, 403, 404}, answer.text
    assert (served.home.path / "salt").read_bytes() not in answer.content
