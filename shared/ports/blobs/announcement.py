"""ObjectCreated, shaped as S3 sends it to a queue (event version 2.1), for stores that are not S3."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import quote_plus

from shared.clock import to_us

BUCKET = "monoprint"


def object_created(key: str, data: bytes, at: datetime) -> str:
    """The message's body. `sequencer` orders the events of one key, as S3's does: by its text."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "local",
        "eventTime": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": BUCKET},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "", "x-amz-id-2": ""},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": BUCKET,
            "bucket": {"name": BUCKET, "ownerIdentity": {"principalId": BUCKET}, "arn": f"arn:aws:s3:::{BUCKET}"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": len(data),
                "eTag": hashlib.md5(data, usedforsecurity=False).hexdigest(),
                "sequencer": f"{to_us(at):018X}",
            },
        },
    }
    return json.dumps({"Records": [record]})
