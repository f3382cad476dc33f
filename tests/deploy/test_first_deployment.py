"""What cannot be made again, through CloudFormation: a first deployment that fails leaves nothing of it under the names
that the next one wants, and a stack that is removed leaves all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.deploy.stack import Stack
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack, running_at

LASTING = {"DynamoDB::Table", "KMS::Alias", "KMS::Key", "S3::Bucket"}
FAILING = {
    "Type": "AWS::Lambda::Url",
    "Properties": {"AuthType": "NONE", "TargetFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"},
}
FIRST = {"First": {"Type": "AWS::SNS::Topic"}}
"""In place of the bucket of zips, with which osls creates a stack: all else comes by an update."""
NAME = "monoprint-prod"


@pytest.fixture
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """One of its own: others have a stage of that name, too."""
    with running_at(tmp_path_factory.mktemp("ministack")) as ministack:
        yield ministack


def template(prod: Stack, last: dict[str, Any]) -> str:
    """What osls makes first, all that lasts, and one more resource that is made when that is there."""
    kinds = {f"AWS::{kind}" for kind in LASTING}
    kept = {
        logical: {key: value for key, value in one.items() if key != "DependsOn"}
        for logical, one in prod.template["Resources"].items()
        if one["Type"] in kinds and logical != "ServerlessDeploymentBucket"
    }
    bucket = kept["Bucket"]["Properties"]  # without the queue that it tells
    kept["Bucket"] |= {"Properties": {key: bucket[key] for key in bucket if key != "NotificationConfiguration"}}
    return json.dumps({"Resources": FIRST | kept | {"Last": last | {"DependsOn": sorted(kept)}}})


def wait(cloudformation: Any, stack: str, status: str) -> None:
    waiter = cloudformation.get_waiter(f"stack_{status}_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})


def there(ministack: Ministack) -> dict[str, set[str]]:
    """What has a name that is fixed."""
    return {
        "tables": set(ministack.client("dynamodb").list_tables()["TableNames"]),
        "buckets": {one["Name"] for one in ministack.client("s3").list_buckets()["Buckets"]},
        "aliases": {one["AliasName"] for one in ministack.client("kms").list_aliases()["Aliases"]},
    }


NOTHING: dict[str, set[str]] = {"tables": set(), "buckets": set(), "aliases": set()}
TABLE_AND_BUCKET = {"tables": {NAME}, "buckets": {f"{NAME}-{ACCOUNT}"}}


def test_a_failed_first_deployment_bars_no_second_and_a_removed_stack_keeps_what_lasts(
    ministack: Ministack, prod: Stack
) -> None:
    """AWS refuses to delete the table that prod protects, by a failed deployment as well; ministack's roll-back does
    not ask. docs/7 says what to delete by hand."""
    cloudformation = ministack.client("cloudformation")
    stack = cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps({"Resources": FIRST}))["StackId"]
    wait(cloudformation, stack, "create")
    cloudformation.update_stack(StackName=NAME, TemplateBody=template(prod, FAILING))
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK"):
        wait(cloudformation, stack, "update")
    wait(cloudformation, stack, "rollback")
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    taken_back = {one["LogicalResourceId"] for one in events if one["ResourceStatus"] == "DELETE_COMPLETE"}
    assert taken_back >= {"Table", "Bucket", "DataKey", "TransactionKey", "OwnerKey"}
    assert there(ministack) == NOTHING

    cloudformation.update_stack(StackName=NAME, TemplateBody=template(prod, {"Type": "AWS::SNS::Topic"}))
    wait(cloudformation, stack, "update")
    keys = {one["TargetKeyId"] for one in ministack.client("kms").list_aliases()["Aliases"]}
    cloudformation.delete_stack(StackName=stack)
    wait(cloudformation, stack, "delete")
    assert there(ministack) == NOTHING | TABLE_AND_BUCKET
    states = [ministack.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]
    assert states == ["Enabled"] * 3
