"""What the adapters of AWS share: one client per service, and one place that says what AWS's errors mean here.

Nothing but an adapter of AWS imports this module, so nothing else loads botocore; and a client is made when an
adapter is opened, never at import. It is boto3's own client, made by botocore itself: importing boto3 around it costs
a cold start a tenth more and gives nothing that is used here. Credentials come from where AWS's libraries look for
them: on Lambda, the function's own role.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - Python's own is not meant here
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from shared.errors import Defect, MonoprintError, Transient
from shared.ports.open import PortUrl

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
ATTEMPTS = 3

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")

# Codes whose HTTP status does not tell what they mean, or tells another thing.
_BUSY = {
    "BandwidthLimitExceeded", "KMS.ThrottlingException", "KmsThrottled", "LimitExceededException", "OverLimit",
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
    "SlowDown", "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
}  # fmt: skip
_PASSING = {
    "BadDigest", "ConditionalRequestConflict", "IncompleteBody", "OperationAborted", "PriorRequestNotComplete",
    "RequestTimeout", "RequestTimeoutException", "TransactionInProgressException", "XAmzContentSHA256Mismatch",
}  # fmt: skip
_BAD_CREDENTIALS = {
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId",
    "InvalidClientTokenId", "InvalidSignatureException", "InvalidToken", "MissingAuthenticationToken",
    "SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
}  # fmt: skip
_ABSENT = {
    "AWS.SimpleQueueService.NonExistentQueue", "NoSuchBucket", "NotFoundException", "QueueDoesNotExist",
    "ResourceNotFoundException", "TableNotFoundException",
}  # fmt: skip

# What did not come back whole. Whether AWS acted on the request is not known.
_NO_ANSWER = (HTTPClientError, ConnectionError, FlexibleChecksumError, IncompleteReadError, ResponseParserError)

_lock = threading.Lock()
_session: Any = None
_clients: dict[tuple[str, str, str | None, int], Any] = {}


def client(service: str, region: str, endpoint: str | None, *, attempts: int = ATTEMPTS) -> Any:
    """The process's client for a service: safe for many threads, and open for the life of the process.

    It tries again what was throttled, failed inside AWS or got no answer, up to `attempts` times in all. An adapter
    makes its own calls safe to repeat (a token, a deduplication id), or asks for `attempts=1`.
    """
    global _session
    key = (service, region, endpoint, attempts)
    with _lock:
        if key not in _clients:
            _session = _session or botocore.session.Session()
            _clients[key] = _session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                config=Config(
                    connect_timeout=CONNECT_TIMEOUT_S,
                    read_timeout=READ_TIMEOUT_S,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    max_pool_connections=50,
                    signature_version="s3v4" if service == "s3" else None,
                    s3={"addressing_style": "path" if endpoint else "virtual"},
                ),
            )
            _clients[key].meta.events.register("before-parse", _must_be_whole)
        return _clients[key]


def _must_be_whole(*, operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    """Refuse half an answer, which botocore would take for an empty one: an item that is absent, a queue without mail.

    It neither compares the body with its announced length nor minds JSON that ends in the middle. Streams it does
    check, as they are read.
    """
    body, headers = response_dict["body"], response_dict["headers"]
    if not isinstance(body, bytes) or operation_model.http.get("method") == "HEAD":
        return
    announced = int(headers.get("content-length", len(body)))
    if len(body) != announced:
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=announced)
    if "x-amz-crc32" in headers and int(headers["x-amz-crc32"]) != zlib.crc32(body):
        raise ResponseParserError("the answer does not fit its checksum")
    if response_dict["status_code"] >= 300 or operation_model.output_shape is None:
        return
    is_json = "json" in operation_model.service_model.resolved_protocol
    if is_json and not (body[:1] == b"{" and body.rstrip()[-1:] == b"}"):
        raise ResponseParserError("the answer is not a JSON object")


@contextmanager
def calling(action: str, what: str) -> Iterator[None]:
    """Around one call: `with calling("sqs:SendMessage", "queue plan"): ...`. What AWS raises leaves as ours.

    Transient   throttled, failed inside AWS, no answer or half of one. `retry_after_s` is larger for throttling.
    Defect      the role lacks `action`, `what` does not exist, credentials are missing or refused, and all else.

    A `ClientError` that means something to the adapter (a condition that failed) is the adapter's to catch, inside.
    """
    try:
        yield
    except ClientError as error:
        raise _translated(error, action, what) from error
    except _NO_ANSWER as error:
        raise Transient(f"{what}: no answer to {action} ({type(error).__name__})", retry_after_s=5) from error
    except CredentialRetrievalError as error:
        raise Transient(f"{what}: {action} has no credentials for now", retry_after_s=5) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Defect(f"{what}: no AWS credentials in this process for {action}") from error
    except BotoCoreError as error:
        raise Defect(f"{what}: {action} cannot be asked ({type(error).__name__})") from error


def code_of(error: ClientError) -> str:
    """AWS's name of the error; for an answer without a body (S3's HEAD) its HTTP status as text."""
    return str(error.response.get("Error", {}).get("Code", ""))


def retries_of(answer: Any) -> int:
    """How many times the client had tried before this answer (a response, or a `ClientError`).

    More than none: a failed condition may be the doing of an earlier try, whose answer was lost.
    """
    response = answer.response if isinstance(answer, ClientError) else answer
    return int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def region_of(parts: PortUrl, text: str) -> str:
    """A region's name, wherever the URL has it."""
    if not _REGION.fullmatch(text):
        raise parts.wrong("region", repr(text[:40]), "an AWS region, such as eu-central-1")
    return text


def endpoint_of(parts: PortUrl) -> str | None:
    """The option `endpoint`: where an emulator answers. None is AWS itself."""
    endpoint = parts.text("endpoint", "")
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise parts.wrong("endpoint", "something else", "http://host:port or https://host, percent-encoded")
    return endpoint.rstrip("/") or None


def _translated(error: ClientError, action: str, what: str) -> MonoprintError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BUSY or status == 429:
        return Transient(f"{what}: AWS throttles {action} ({code})", retry_after_s=10)
    if code in _PASSING or status >= 500:
        return Transient(f"{what}: AWS cannot do {action} now ({code})", retry_after_s=5)
    if code in _BAD_CREDENTIALS:
        return Defect(f"{what}: AWS refuses this process's credentials for {action} ({code})")
    if code in _ABSENT:
        return Defect(f"{what} does not exist, or not for this account ({action}: {code})")
    if status == 403 or "AccessDenied" in code:
        return Defect(f"{what}: the role lacks {action} ({code})")
    return Defect(f"{what}: AWS refuses {action} ({code})")
