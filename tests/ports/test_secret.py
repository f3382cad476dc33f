"""A secret, wherever it is kept: whole, long enough, and in no message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from shared.errors import Defect, Invalid, Transient
from shared.ports.aws import client
from shared.ports.chain.rpc import RpcChain
from shared.ports.open import open_port
from tests.ports.moto_fixture import REGION, aws_in_this_process  # noqa: F401 - a fixture

SECRET = "correct-horse/battery?staple"
Keep = Callable[[str], str]
"""Keeps a secret of this text; returns the URL that refers to it."""


@pytest.fixture(params=["file", "ssm"])
def keep(request: pytest.FixtureRequest, tmp_path: Path) -> Keep:
    def in_file(text: str) -> str:
        file = tmp_path / "secret"
        file.write_text(text)
        file.chmod(0o600)
        return f"file://{file}"

    def in_ssm(text: str) -> str:
        request.getfixturevalue("moto")
        ssm = client("ssm", REGION, None)
        ssm.put_parameter(Name="/monoprint/test/secret", Value=text, Type="SecureString", Overwrite=True)
        return f"ssm:///monoprint/test/secret?region={REGION}"

    return in_file if request.param == "file" else in_ssm


def test_a_secret_is_read_byte_for_byte(keep: Keep) -> None:
    assert open_port("secret", keep(SECRET)).read() == SECRET.encode()


def test_one_that_is_too_short_to_be_one_is_refused(keep: Keep) -> None:
    with pytest.raises(Defect, match="secret: got 7 bytes, wanted at least 16") as raised:
        open_port("secret", keep("hunter2")).read()
    assert "hunter2" not in str(raised.value)


def test_a_url_refers_to_a_providers_key_and_is_filled_in_when_it_is_opened(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(RpcChain, "open", lambda url, *, clock: opened.append(url))
    open_port("chain", f"https://rpc.example/v2/{{{keep(SECRET + chr(10))}}}?chain_id=1")
    assert opened == ["https://rpc.example/v2/correct-horse%2Fbattery%3Fstaple?chain_id=1"]


@pytest.mark.parametrize("url", ["https://rpc.example/{post-it:///monitor}", "https://rpc.example/{}", "https://{x}/"])
def test_a_reference_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="secret url"):
        open_port("chain", url)


def test_a_file_that_is_missing_or_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Defect, match="secret salt: No such file"):
        open_port("secret", f"file://{tmp_path}/salt").read()
    (tmp_path / "salt").write_text(SECRET)
    (tmp_path / "salt").chmod(0o644)
    with pytest.raises(Defect, match="salt has mode 0644: others can read it; wanted 0600"):
        open_port("secret", f"file://{tmp_path}/salt").read()


@pytest.fixture
def ssm() -> Iterator[Stubber]:
    """Answers of SSM in place of SSM."""
    with Stubber(client("ssm", REGION, None)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


URL = f"ssm:///monoprint/test/salt?region={REGION}"


@pytest.mark.parametrize(
    ("code", "status", "becomes", "says"),
    [
        ("ThrottlingException", 400, Transient, "throttles ssm:GetParameter"),
        ("InternalServerError", 500, Transient, "cannot do ssm:GetParameter now"),
        ("ParameterNotFound", 400, Defect, "salt does not exist: whoever deploys makes it"),
        ("InvalidKeyId", 400, Defect, "the key that it lies under cannot be used by this role"),
        ("AccessDeniedException", 400, Defect, "the role lacks ssm:GetParameter"),
    ],
)
def test_what_ssm_says_becomes_what_the_port_promises(
    ssm: Stubber, code: str, status: int, becomes: type[Exception], says: str
) -> None:
    ssm.add_client_error("get_parameter", code, "m", status, expected_params=ASKED)
    with pytest.raises(becomes, match=says):
        open_port("secret", URL).read()


def test_a_parameter_that_anybody_may_read_in_clear_is_no_secret(ssm: Stubber) -> None:
    ssm.add_response("get_parameter", {"Parameter": {"Type": "String", "Value": SECRET}}, ASKED)
    with pytest.raises(Defect, match="got a parameter of type String, wanted SecureString") as raised:
        open_port("secret", URL).read()
    assert SECRET not in str(raised.value)


ASKED: dict[str, Any] = {"Name": "/monoprint/test/salt", "WithDecryption": True}


@pytest.mark.parametrize(
    "url",
    [
        "file://relative/path",
        "file://",
        "ssm:///monoprint/salt",
        f"ssm://host/monoprint/salt?region={REGION}",
        f"ssm:///?region={REGION}",
        "ssm:///monoprint/salt?region=nowhere",
        f"ssm:///monoprint/sa lt?region={REGION}",
    ],
)
def test_a_url_names_one_secret(url: str) -> None:
    with pytest.raises(Invalid, match="secret url"):
        open_port("secret", url)
