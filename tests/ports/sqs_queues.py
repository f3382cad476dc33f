"""Queues of SQS for tests, made as the deployment makes them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.ports.moto_fixture import REGION


def create(sqs: Any, account: str, *, visibility_s: int = 30, max_receives: int = 3, fifo: bool = False) -> str:
    """The name of a new queue with dead letters."""
    name, dead = (f"{uuid4().hex}{which}{'.fifo' if fifo else ''}" for which in ("", "-dead"))
    both = {"FifoQueue": "true"} if fifo else {}
    sqs.create_queue(QueueName=dead, Attributes=both)
    policy = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{account}:{dead}", "maxReceiveCount": max_receives}
    own = {"VisibilityTimeout": str(visibility_s), "RedrivePolicy": json.dumps(policy)}
    sqs.create_queue(QueueName=name, Attributes=both | own)
    return name
