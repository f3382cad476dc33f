"""Stop 1, HTTP: take a mint request in, once, and tell its story for ever after.

The request's id is derived from (collection, account, idempotency key): the same call makes the same id, and the
ledger's put-if-absent decides which of two first calls wins. Nothing is written before everything was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime, timedelta

from shared import pricing
from shared.clock import Clock
from shared.collection import published
from shared.collection.dna import Dna
from shared.errors import Conflict, Exhausted, Invalid, Mismatch, NotFound
from shared.messages import RequestJob
from shared.observe import Log, concerns, log_request
from shared.ports.blobs import Blobs
from shared.ports.keys import Keys
from shared.ports.ledger import Ledger
from shared.ports.queue import Queue
from shared.profile.sources import Collector, Profile
from shared.records import accounts, collections, collectors, holds, requests
from shared.records.accounts import Role
from shared.request import MintRequest, State, derive_id
from shared.runtime import HttpCall, Reply, http_handler
from shared.settings import IntakeSettings
from shared.story import receipt, story

_TRIES = 3
"""Against other first calls: one that brings the same collector's key, and one with the same idempotency key."""


def file_request(
    call: HttpCall,
    *,
    ledger: Ledger,
    blobs: Blobs,
    keys: Keys,
    plan_queue: Queue,
    salt: bytes,
    retention_days: int,
    clock: Clock,
) -> Reply:
    """POST a collector's consented data: a receipt now, a token later.

    The same key with the same body gets the same receipt, whenever it comes again. Raises: `Mismatch` for the same
    key with another body; `Exhausted` when supply or the day's budget is used up; `Invalid` naming the field.
    """
    slug = call.path["slug"]
    caller = accounts.authenticate(ledger, call.headers.get("x-api-key"), Role.MINT, Role.OPERATE)
    if not caller.may_touch(slug):
        raise NotFound(f"collection: got {slug!r}, wanted one that this API key may mint from")
    request_id = derive_id(salt, slug, caller.account, _idempotency_key(call))
    concerns(request_id)
    body = call.json()
    tag = hmac.new(salt, json.dumps(body, sort_keys=True).encode(), hashlib.sha256).hexdigest()
    request = _filed_before(ledger, request_id, tag)
    if request is None:
        digest = collections.current(ledger, slug)
        collection = _on_sale(ledger, blobs, digest)
        collector = Collector.parse(body, collection)
        request = _new_request(request_id, caller.account, collection, digest, collector, salt, clock())
        kept_until = request.created_at + timedelta(days=retention_days)
        request = _file(request, tag, collector.profile, collection, ledger, keys, kept_until)
    if request.state is State.RECEIVED:
        plan_queue.send(RequestJob(request_id=request.id, attempt=request.attempt).body())
    return Reply(202, receipt(request))


def _filed_before(ledger: Ledger, request_id: str, tag: str) -> MintRequest | None:
    request = requests.find(ledger, request_id)
    if request is None:
        return None
    if not hmac.compare_digest(requests.body_tag(ledger, request_id) or "", tag):
        raise Mismatch("Idempotency-Key: got a key that filed another body, wanted a new key or the same body")
    return request


def _on_sale(ledger: Ledger, blobs: Blobs, digest: str) -> Dna:
    """The collection, if there is any of it left."""
    collection = published.load_dna(blobs, digest)
    if holds.used_supply(ledger, collection.slug) >= collection.supply:
        raise holds.sold_out(collection.slug, collection.supply)
    return collection


def _new_request(
    request_id: str, account: str, collection: Dna, digest: str, collector: Collector, salt: bytes, at: datetime
) -> MintRequest:
    return MintRequest(
        id=request_id,
        collection=collection.slug,
        collection_digest=digest,
        account=account,
        collector=derive_id(salt, "collector", account, collector.collector)[:32],
        owner=collector.owner,
        quote=pricing.quote(collection, pricing.prices()),
        created_at=at,
        changed_at=at,
    )


def _file(
    request: MintRequest,
    tag: str,
    profile: Profile,
    collection: Dna,
    ledger: Ledger,
    keys: Keys,
    kept_until: datetime,
) -> MintRequest:
    """Write the request, what it will cost and the collector's data, all or nothing; or find that another call was
    faster, whose request it then is."""
    raw = profile.model_dump_json().encode()
    filing = requests.filing(request, tag)
    budget_microusd = collection.daily_budget_microusd
    spending = collections.spending(collection.slug, request.created_at, request.quote.cost_microusd, budget_microusd)
    for _ in range(_TRIES):
        stored = collectors.storing(ledger, keys, request.collector, request.id, raw, expires_at=kept_until)
        try:
            ledger.write(*filing, spending, *stored)
        except Conflict as error:
            if error.index == len(filing):
                raise Exhausted(f"daily budget: {collection.slug} has spent what it may spend today") from error
            if faster := _filed_before(ledger, request.id, tag):
                return faster
        else:
            log_request(Log.REQUEST_FILED, request)
            return request
    raise Conflict("the collector's key is being written by other calls: send the same call again")


def tell_story(call: HttpCall, *, ledger: Ledger, blobs: Blobs) -> Reply:
    """GET one request: to its own account, and to reviewers and operators of its collection."""
    caller = accounts.authenticate(ledger, call.headers.get("x-api-key"), *Role)
    request = requests.find(ledger, call.path["request_id"])
    visible = request and caller.may_touch(request.collection)
    if request is None or not visible or (caller.role is Role.MINT and caller.account != request.account):
        raise NotFound(f"request: none with the id {call.path['request_id'][:64]!r} that this API key may see")
    concerns(request.id)
    return Reply(200, story(ledger, blobs, request))


def _idempotency_key(call: HttpCall) -> str:
    key = call.headers.get("idempotency-key", "")
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", key):
        raise Invalid("Idempotency-Key", repr(key[:40]) if key else "none", "1 to 255 visible ASCII characters")
    return key


handler = http_handler(
    IntakeSettings,
    {
        "POST /v1/collections/{slug}/requests": file_request,
        "GET /v1/requests/{request_id}": tell_story,
    },
)
