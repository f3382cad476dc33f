"""S3Blobs: blobs in a bucket of Amazon S3.

The bucket's own configuration announces what ends in `result.json` to the judge's queue; nothing is sent from here.
Its announcements name keys as this port does, so that a bucket belongs to one deployment and its keys have no prefix.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from shared.clock import Clock
from shared.errors import Invalid, NotFound, Transient
from shared.ports.aws import ATTEMPTS, calling, client, code_of, endpoint_of, region_of, retries_of
from shared.ports.blobs import MAX_PRESIGN_S
from shared.ports.blobs.limits import check_content_type, check_presign, key_parts, prefix_parts
from shared.ports.open import parse_host_url

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# Without s3:ListBucket S3 answers 403 for a key that is absent: then it has not said so, and nobody may guess.
_READ = "s3:GetObject or s3:ListBucket"

# Before another try of a put that S3 turned away because of one beside it.
_CONFLICT_PAUSES_S = (0.05, 0.2, 0.8)


class S3Blobs:
    """`s3://BUCKET?region=REGION&endpoint=URL`

    `endpoint`, percent-encoded, is an emulator's; without it AWS's own.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @classmethod
    def open(cls, url: str, *, clock: Clock) -> S3Blobs:
        parts = parse_host_url("blobs", url, options=("region", "endpoint"))
        if not _BUCKET.fullmatch(parts.host):
            raise Invalid("blobs url", "no bucket's name", "s3://BUCKET?region=REGION")
        if parts.path:
            raise Invalid("blobs url", "a path", "none: a bucket is one deployment's, and its keys have no prefix")
        region = region_of(parts, parts.text("region"))
        return cls(client("s3", region, endpoint_of(parts)), parts.host)

    def close(self) -> None:
        """Nothing: the client is the process's."""

    def put(self, key: str, data: bytes, *, content_type: str = "application/octet-stream") -> bool:
        key_parts(key)
        check_content_type(content_type)
        # Known to this call alone: if S3 says that the key is there, it tells whether an earlier try of ours made it.
        token = uuid4().hex
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        repeated = False
        with calling("s3:PutObject", self._what(key)):
            for pause_s in (*_CONFLICT_PAUSES_S, None):
                try:
                    self._s3.put_object(
                        Bucket=self._bucket,
                        Key=key,
                        Body=data,
                        ContentType=content_type,
                        ChecksumSHA256=checksum,
                        IfNoneMatch="*",
                        Metadata={"put": token},
                    )
                except ClientError as error:
                    repeated = repeated or retries_of(error) > 0
                    if code_of(error) == "PreconditionFailed":
                        break
                    if code_of(error) != "ConditionalRequestConflict" or pause_s is None:
                        raise
                    time.sleep(pause_s)
                else:
                    return True
        return repeated and self._head(key)["Metadata"].get("put") == token

    def get(self, key: str) -> bytes:
        key_parts(key)
        tries = 0
        while True:
            tries += 1
            with calling(_READ, self._what(key)), _absent(key):
                body = self._s3.get_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")["Body"]
            try:
                # The client compares the bytes with their checksum as they come, but does not ask for them again.
                with calling(_READ, self._what(key)), closing(body):
                    data: bytes = body.read()
                    return data
            except Transient:
                if tries == ATTEMPTS:
                    raise

    def exists(self, key: str) -> bool:
        key_parts(key)
        try:
            self._head(key)
        except NotFound:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        prefix_parts(prefix)
        return self._keys(prefix)

    def presign(self, key: str, *, expires_s: int = MAX_PRESIGN_S, filename: str | None = None) -> str:
        """Always to be saved, never to be shown as a page. Ends sooner if the role's session does."""
        key_parts(key)
        check_presign(expires_s, filename)
        disposition = "attachment" if filename is None else f'attachment; filename="{filename}"'
        asked = {"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": disposition}
        with calling("s3:GetObject", self._what(key)):
            url: str = self._s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=expires_s)
        return url

    def _what(self, key: str) -> str:
        return f"blob {key} of bucket {self._bucket}"

    def _head(self, key: str) -> dict[str, Any]:
        with calling(_READ, self._what(key)):
            try:
                head: dict[str, Any] = self._s3.head_object(Bucket=self._bucket, Key=key)
                return head
            except ClientError as error:
                if code_of(error) != "404":
                    raise
            # A HEAD's answer has no body: its 404 may be the bucket's, or that of something before S3. A GET's says.
            with _absent(key):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                answer["Body"].close()
                return dict(answer)

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while True:
            with calling("s3:ListBucket", f"bucket {self._bucket}"):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                yield entry["Key"]


@contextmanager
def _absent(key: str) -> Iterator[None]:
    """Only S3's own word that there is no such key means that."""
    try:
        yield
    except ClientError as error:
        if code_of(error) != "NoSuchKey":
            raise
        raise NotFound(f"no blob {key}") from error
