"""botocore's descriptions as a zip holds them: less to parse, and the same clients."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver
from botocore.session import Session

from infra.packaging.descriptions import cut

DATA = Path(botocore.__file__).parent / "data"
SERVICES = ("dynamodb", "kms", "s3", "sqs", "ssm")
REGIONS = ("cn-north-1", "eu-central-1", "us-gov-west-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """botocore's data as a zip has it that calls `SERVICES`."""
    folder = tmp_path_factory.mktemp("data")
    for path in DATA.rglob("*.json*"):
        name = path.relative_to(DATA)
        if len(name.parts) == 1 or name.parts[0] in SERVICES:
            copy = folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(cut(f"botocore/data/{name.as_posix()}", path.read_bytes(), SERVICES))
    return folder


def client(service: str, region: str, folder: Path | None = None) -> Any:
    session = Session()
    if folder:
        session.register_component("data_loader", Loader([str(folder)], include_default_search_paths=False))
    return session.create_client(service, region, aws_access_key_id="nobody", aws_secret_access_key="nobody")


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_can_do_what_it_could(service: str, folder: Path) -> None:
    full, less = client(service, "eu-central-1"), client(service, "eu-central-1", folder)
    assert less.meta.method_to_api_mapping == full.meta.method_to_api_mapping
    assert less.meta.service_model.metadata == full.meta.service_model.metadata
    assert less.meta.service_model.shape_names == full.meta.service_model.shape_names
    for name in full.meta.service_model.operation_names:
        ours, theirs = less.meta.service_model.operation_model(name), full.meta.service_model.operation_model(name)
        assert _members(ours.input_shape) == _members(theirs.input_shape)
        assert _members(ours.output_shape) == _members(theirs.output_shape)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", REGIONS)
def test_a_client_asks_and_signs_for_the_same_endpoint(service: str, region: str, folder: Path) -> None:
    full, less = client(service, region), client(service, region, folder)
    assert less.meta.endpoint_url == full.meta.endpoint_url
    assert less.meta.partition == full.meta.partition
    assert less._request_signer.signing_name == full._request_signer.signing_name
    assert less._request_signer.region_name == full._request_signer.region_name
    assert less._request_signer.signature_version == full._request_signer.signature_version


@pytest.mark.parametrize("service", SERVICES)
def test_every_region_of_a_service_is_known(service: str, folder: Path) -> None:
    full, less = (EndpointResolver(json.loads((each / "endpoints.json").read_bytes())) for each in (DATA, folder))
    for partition in full.get_available_partitions():
        regions = full.get_available_endpoints(service, partition)
        assert less.get_available_endpoints(service, partition) == regions
        for region in regions:
            assert less.construct_endpoint(service, region) == full.construct_endpoint(service, region)


def test_prose_goes_and_a_member_of_that_name_stays() -> None:
    said = {
        "documentation": "<p>About it all.</p>",
        "shapes": {
            "Page": {
                "members": {"documentation": {"shape": "Text", "documentation": "<p>Of a page.</p>"}},
                "documentation": "<p>A page.</p>",
            }
        },
    }
    packed = cut("botocore/data/sqs/2012-11-05/service-2.json.gz", gzip.compress(json.dumps(said).encode()), {"sqs"})
    assert json.loads(gzip.decompress(packed)) == {
        "shapes": {"Page": {"members": {"documentation": {"shape": "Text"}}}}
    }


def test_what_is_no_description_stays_as_it_is_and_the_same_bytes_come_out_again() -> None:
    assert cut("botocore/session.py", b"import os", {"sqs"}) == b"import os"
    assert cut("other/data/endpoints.json", b"{ }", {"sqs"}) == b"{ }"
    rules = (DATA / "partitions.json").read_bytes()
    assert cut("botocore/data/partitions.json", rules, {"sqs"}) == rules
    endpoints = (DATA / "endpoints.json").read_bytes()
    first = cut("botocore/data/endpoints.json", endpoints, {"sqs"})
    assert first == cut("botocore/data/endpoints.json", endpoints, {"sqs"})
    assert len(first) < len(endpoints) / 50


def _members(shape: Any) -> dict[str, tuple[str, str, Any]] | None:
    if shape is None:
        return None
    return {name: (said.name, said.type_name, said.serialization) for name, said in shape.members.items()}
