"""A stage as a deployment leaves it, on ministack: what holds state, and functions that are never called."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.twin.anvil import CHAIN_ID
from infra.twin.home import QUEUES
from shared.ports.ledger.dynamodb_items import TABLE
from shared.ports.signer import Purpose
from shared.ports.signer.kms import CHAIN_TAG, PURPOSE_TAG, SPEC
from tests.ports.ministack_fixture import ACCOUNT, REGION, Ministack

MAX_RECEIVES = 1
SALT, RPC_KEY = "00112233445566778899aabbccddeeff", "a provider's key, which is secret"


@dataclass(frozen=True)
class Deployed:
    """What is deployed under a stage's name, and what its functions are told, without an emulator's endpoint."""

    ministack: Ministack
    name: str
    environs: Mapping[str, Mapping[str, str]]

    def queue_url(self, queue: str) -> str:
        return f"{self.ministack.endpoint}/{ACCOUNT}/{_queue(self.name, queue)}"

    def tell(self, function: str, **variables: str) -> None:
        """Deploy a function once more, told otherwise."""
        environ = {**self.environs[function], **variables}
        self.ministack.client("lambda").update_function_configuration(
            FunctionName=f"monoprint-{self.name}-{function}", Environment={"Variables": environ}
        )


def deploy(ministack: Ministack, name: str, *, chain_url: str, api_url: str, chain_id: int = CHAIN_ID) -> Deployed:
    _make_state(ministack, name, chain_id)
    environs = _environs(name, chain_url, chain_id)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("functions.py", "")
    for function, environ in environs.items():
        ministack.client("lambda").create_function(
            FunctionName=f"monoprint-{name}-{function}",
            Runtime="python3.13",
            Role=f"arn:aws:iam::{ACCOUNT}:role/monoprint-{name}-{function}",
            Handler=f"functions.{function}.handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": environ},
        )
    _make_stack(ministack.client("cloudformation"), name, api_url)
    return Deployed(ministack, name, environs)


def _environs(name: str, chain_url: str, chain_id: int) -> dict[str, dict[str, str]]:
    ledger = f"dynamodb://monoprint-{name}?region={REGION}"
    blobs = f"s3://monoprint-{name}-{ACCOUNT}?region={REGION}"
    queues = {f"{each.upper()}_QUEUE_URL": f"sqs://{REGION}/{ACCOUNT}/{_queue(name, each)}" for each in QUEUES}
    return {
        "intake": {
            "LEDGER_URL": ledger,
            "BLOBS_URL": blobs,
            "KEYS_URL": f"kms://alias/monoprint-{name}-data?region={REGION}",
            "PLAN_QUEUE_URL": queues["PLAN_QUEUE_URL"],
            "SALT_REF": f"ssm:///monoprint/{name}/salt?region={REGION}",
        },
        "review": {
            "LEDGER_URL": ledger,
            "BLOBS_URL": blobs,
            "RENDER_QUEUE_URL": queues["RENDER_QUEUE_URL"],
            "PUBLISH_QUEUE_URL": queues["PUBLISH_QUEUE_URL"],
        },
        "mint": {
            "LEDGER_URL": ledger,
            "CHAIN_URL": f"{chain_url}/?key={{ssm:///monoprint/{name}/rpc_key?region={REGION}}}&chain_id={chain_id}",
            "SIGNER_URL": f"kms://?region={REGION}&chain_id={chain_id}&transaction=alias/monoprint-{name}-transaction",
            "CHAIN_ID": str(chain_id),
            "CONFIRM_QUEUE_URL": queues["CONFIRM_QUEUE_URL"],
            "OWN_QUEUE_URL": queues["MINT_QUEUE_URL"],
        },
        "sweep": {"LEDGER_URL": ledger, "BLOBS_URL": blobs, **queues},
    }


def _queue(name: str, queue: str, dead: str = "") -> str:
    return f"monoprint-{name}-{queue}{dead}{'.fifo' if queue == 'mint' else ''}"


def _make_state(ministack: Ministack, name: str, chain_id: int) -> None:
    ministack.client("dynamodb").create_table(TableName=f"monoprint-{name}", **TABLE)
    bucket = f"monoprint-{name}-{ACCOUNT}"
    ministack.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    sqs = ministack.client("sqs")
    for queue in QUEUES:
        fifo = {"FifoQueue": "true"} if queue == "mint" else {}
        dead = _queue(name, queue, "-dead")
        sqs.create_queue(QueueName=dead, Attributes=fifo)
        policy = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{dead}", "maxReceiveCount": MAX_RECEIVES}
        sqs.create_queue(QueueName=_queue(name, queue), Attributes={**fifo, "RedrivePolicy": json.dumps(policy)})
    kms = ministack.client("kms")
    for purpose in (Purpose.TRANSACTION, Purpose.OWNER):
        tags = [
            {"TagKey": CHAIN_TAG, "TagValue": str(chain_id)},
            {"TagKey": PURPOSE_TAG, "TagValue": purpose.value},
        ]
        _alias(kms, name, purpose, kms.create_key(Tags=tags, **SPEC))
    _alias(kms, name, "data", kms.create_key())
    for secret, value in {"salt": SALT, "rpc_key": RPC_KEY}.items():
        ministack.client("ssm").put_parameter(Name=f"/monoprint/{name}/{secret}", Value=value, Type="SecureString")


def _alias(kms: Any, name: str, which: str, made: Mapping[str, Any]) -> None:
    kms.create_alias(AliasName=f"alias/monoprint-{name}-{which}", TargetKeyId=made["KeyMetadata"]["KeyId"])


def _make_stack(cloudformation: Any, name: str, api_url: str) -> None:
    """With the output by which osls tells where the API is, and something, since no stack is empty."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"HttpApiUrl": {"Value": api_url}},
    }
    cloudformation.create_stack(StackName=f"monoprint-{name}", TemplateBody=json.dumps(template))
    waiting = {"Delay": 0.05, "MaxAttempts": 200}
    cloudformation.get_waiter("stack_create_complete").wait(StackName=f"monoprint-{name}", WaiterConfig=waiting)
