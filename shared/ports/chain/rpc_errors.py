"""What a node's error answer means, told from its code and its words; no client, no network.

JSON-RPC leaves both to the client: geth, Besu, Nethermind, Erigon, Reth, rollups and proxies say one thing in a dozen
ways, rename it between releases, and wrap one another's sentences. So words decide before codes (-32005 is a rate
limit for one client and a gas limit for another), phrases are matched anywhere, and the enum names that some
clients let through (`FeeTooLowToCompete`, `ALREADY_EXISTS`) are read as words.

What is told here chooses between errors. It is never evidence that a transaction was taken: that is looked up by hash.
"""

from __future__ import annotations

import re
from enum import StrEnum

from shared.errors import MonoprintError
from shared.ports.chain import (
    FeeTooHigh,
    FeeTooLow,
    InsufficientFunds,
    NonceTooHigh,
    NonceTooLow,
    PoolBusy,
    RateLimited,
    Reverted,
    Unavailable,
    Underpriced,
    UnknownAnswer,
    Unsendable,
    Unsupported,
    WrongNonce,
)


class Meaning(StrEnum):
    ALREADY_KNOWN = "already_in_mempool"
    ALREADY_MINED = "already_mined"
    NONCE_TOO_LOW = "nonce_too_low"
    NONCE_TOO_HIGH = "nonce_too_high"
    NONCE_WRONG = "nonce_too_low_or_high"
    UNDERPRICED = "replacement_underpriced"
    CONFLICTING = "conflicting_pending"
    FEE_TOO_LOW = "fee_too_low"
    FEE_TOO_HIGH = "fee_cap_exceeded"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    POOL_FULL = "pool_full"
    NOT_MINED_IN_TIME = "pending_timeout"
    FATAL = "fatal"
    REVERTED = "reverted"
    NO_SUCH_METHOD = "method_unavailable"
    LIMITED = "rate_or_size_limit"
    UNAVAILABLE = "node_unavailable"
    OTHER = "other"


# A meaning and its phrases (regular expressions between " | "), in the order in which they are tried: what is precise
# comes before what is general ("another transaction with same nonce ... gas price is too low" is no low fee, "exceeds
# block gas limit" no rate limit), so that one meaning may come twice.
_WORDS = r"""
reverted: \brevert(ed|s)?\b | vm execution error | vm exception | invalid opcode
pending_timeout: added to the (mem|tx|transaction )\s?pool but | confirmation timed? ?out
    | (not|n't|never) (yet )?(been )?(mined|included|confirmed|processed) (with)?in\b
    | (tim(e|ed) ?out|timeout).*(waiting for|awaiting).*(transaction|receipt|tx)\b
    | (transaction|tx)\b.*\b(time[ds]? ?out|timeout) .*pending | pending.*(timeout|timed out)
conflicting_pending: replace pending | already reserved | conflict | own nonce already used
    | invalid transaction with a lower nonce | in-?flight transaction | pending transaction (already )?exists
    | already (has|have) (a )?pending
already_in_mempool: already ?known | \bknown transaction
    | already (been )?(imported|submitted|added|received|pending|queued) | same hash
    | already (exists|present)? ?in (the )?(cache|mem ?pool|tx ?pool|pool|queue|system)
    | (transaction|tx)( \S+)? (is )?already (exists|present) | duplicate (transaction|tx|hash)
already_mined: already (been )?(mined|finali[sz]ed|confirmed|included|executed)
    | already in (a |the )?(block|chain|blockchain) | (^|: )mined\b | known block
replacement_underpriced: replacement | (another|other) (transaction|tx)\b.* same nonce
    | same nonce .*\b(queue|pool|exists) | too low to (compete|replace) | could not replace | replaced by
    | to replace (the )?(existing|pending)
nonce_too_high: nonce (is |was )?too (high|big|large|far|distant) | nonce gap | gapped.nonce | future nonce
    | nonce .*in the future | nonce (is )?(higher|greater|larger) than | nonce has (a )?gap | missing nonce
nonce_too_low: nonce (is |was )?too (low|small|old) | old nonce | \bstale\b
    | nonce (has )?(already )?(been )?(used|consumed) | nonce (is )?(lower|less|smaller) than | nonce already
nonce_too_low_or_high: (invalid|incorrect|wrong|bad|unexpected) (transaction |account |tx )?(nonce|sequence)
    | nonce (mismatch|does ?n.t match) | (nonce|sequence) mismatch | expected nonce | correct nonce
fee_cap_exceeded: \bfees?\b.*exceeds? (the )?(node's )?(configured |maximum )?cap | fee cap exceeded
    | (fee|gas price|tip) (is )?too (high|large) | exceeds? .*fee cap
insufficient_funds: insufficient (\w+ )?(funds|balance|eth(er)?\b)
    | (not|n't|no) (have )?enough (funds|balance|eth(er)?\b|money)
    | exceeds (the )?((account|sender|available)('s)? )?balance | overdraft | upfront cost | cannot pay
    | balance (is )?(too low|insufficient|\S+ less than) | allowance \(0\)
fatal: (tip|priority fee)( per gas)?( cap)?(=\S+)? (is )?(higher|greater|larger|above|exceeds?) .*fee
    | higher than 2\^ | intrinsic gas | (?<!per )gas (limit )?(is )?too (low|high|large|big) | not enough gas
    | out of gas | exceed(s|ed|ing)? .*gas ?limit | gas ?limit .*(exceed|beyond|insufficient|larger|higher|above)
    | gas is beyond limit | gas required exceeds | must be non.zero | cannot be zero
    | max fee per gas is (zero|required) | init ?code | code size | nonce has max value | gas limit .*too high
    | at least \d+ gas | (?<!pool )\b(over|under)flow
pool_full: \b(sub.?)?(pool|queue)\b.*\b(is |are )?(full|overflow) | \w*pool (is )?(full|overflow)
    | dropped due to limit | too many (pending |queued )?transactions
    | (account|sender) (slots? )?limit (exceeded|reached) | pool limit
fee_too_low: underpriced
    | (fees?|price|tip|tip cap|max fee per gas)\b.*\b(too low|below|(less|lower) than|under|not enough|insufficient)
    | (too low|insufficient|low) (gas )?(fee|price|tip) | less than .*base fee | fee (is )?not enough
    | needs to be higher | unacceptable gas price | minimum (gas price|fee|tip)
method_unavailable: method\b.*\b(not|n't|un)[ -]?(found|supported|available|enabled|exist|allowed|implemented)
    | method .*not whitelisted | \b(unknown|unsupported|no such|invalid|disabled) method
    | method .*\b(disabled|deprecated|removed) | no signer | unknown account | account .*(locked|not unlocked)
    | not implemented | functionality is not available
rate_or_size_limit: rate.?limit | too many (requests|blocks|results|logs|connections|calls) | \b429\b | quota
    | compute units | throughput | request rate
    | (request|daily|monthly|usage|call|rpc|range|size|result|response|body|page) (\w+ )?(limit|cap) | credits?\b
    | limit (of |is )?(exceeded|reached) | (exceeds?|exceeded|over) .*(limit|range|max|batch) | max(imum)? allowed
    | max(imum)? (block )?range | page size | batch size | block range | too large | query returned more
    | more than \d+ (results|logs|blocks) | capacity | slow down | throttl
fatal: (wrong|invalid|incorrect|unexpected|unsupported) chain | chain ?id | replay.protect | \brlp\b
    | decod(e|ing)( \w+)* (\w+ )?(transaction|tx)\b
    | invalid (sender|signature|transaction|raw|tx|shard|message|recipient|type|v, r, s|signer) | signature
    | (negative|too big|oversized?) | \bbanned\b | black ?list | deny ?list | sanction | forbidden
    | not (permitted|authori[sz]ed|allowed) | transaction type | type not | not activated | max size
    | sender is (a )?contract | sender not an eoa | not an? eoa | non-account | no authorizations? | \bblobs?\b
    | kzg | sidecar | failed to resolve sender | as invalid | (^|: )invalid(,|$) | out of counters
    | counters to continue | pay the fee | unprotected | malformed | unparsable | gas limit exceeded
node_unavailable: unavailable | bad gateway | gateway time | unreachable | time[ds]?.?out | deadline exceeded
    | context cancell?ed | connection | no such host | \beof\b | try again | temporar | maintenance | overload
    | over ?capacity | busy | sync | header not found | trie node | no healthy
    | no (available )?(backend|upstream|node|peers) | internal( server| json-?rpc)? error | server error
    | request (failed|timeout) | not (yet )?ready | shutting down | null value for transaction | pool not enabled
    | \b50[0234]\b | failed to forward
"""


def _table(text: str) -> list[tuple[Meaning, re.Pattern[str]]]:
    entries = re.findall(r"^(\w+):(.+(?:\n .+)*)", text, re.MULTILINE)
    return [
        (Meaning(name), re.compile("|".join(re.split(r"\s\|\s|\n\s+\|\s", words.strip())))) for name, words in entries
    ]


_TRIED = _table(_WORDS)

# Codes are asked only where the words said nothing. Erigon writes its own verdict in front of its reason.
_CODES = {
    3: Meaning.REVERTED,
    4: Meaning.NOT_MINED_IN_TIME,
    429: Meaning.LIMITED,
    4200: Meaning.NO_SUCH_METHOD,
    -32001: Meaning.OTHER,
    -32005: Meaning.LIMITED,
    -32015: Meaning.REVERTED,
    -32029: Meaning.LIMITED,
    -32601: Meaning.NO_SUCH_METHOD,
    -32603: Meaning.UNAVAILABLE,
    -32604: Meaning.NO_SUCH_METHOD,
    -38010: Meaning.NONCE_TOO_LOW,
    -38011: Meaning.NONCE_TOO_HIGH,
    -38012: Meaning.FEE_TOO_LOW,
    -38013: Meaning.FATAL,
    -38014: Meaning.INSUFFICIENT_FUNDS,
    -38015: Meaning.FATAL,
    -38026: Meaning.LIMITED,
}
_VERDICTS = {
    "already exists": Meaning.ALREADY_KNOWN,
    "fee too low": Meaning.FEE_TOO_LOW,
    "stale": Meaning.NONCE_TOO_LOW,
    "invalid": Meaning.FATAL,
    "internal error": Meaning.OTHER,
}
# Whoever reads `ALREADY_KNOWN`, `ALREADY_MINED` or `NOT_MINED_IN_TIME` has looked the hash up in vain: another node
# behind the same address knows it, and this one will.
_ERRORS: dict[Meaning, type[MonoprintError]] = {
    Meaning.ALREADY_KNOWN: Unavailable,
    Meaning.ALREADY_MINED: Unavailable,
    Meaning.NOT_MINED_IN_TIME: Unavailable,
    Meaning.NONCE_TOO_LOW: NonceTooLow,
    Meaning.NONCE_TOO_HIGH: NonceTooHigh,
    Meaning.NONCE_WRONG: WrongNonce,
    Meaning.UNDERPRICED: Underpriced,
    Meaning.CONFLICTING: PoolBusy,
    Meaning.FEE_TOO_LOW: FeeTooLow,
    Meaning.FEE_TOO_HIGH: FeeTooHigh,
    Meaning.INSUFFICIENT_FUNDS: InsufficientFunds,
    Meaning.POOL_FULL: PoolBusy,
    Meaning.FATAL: Unsendable,
    Meaning.REVERTED: Reverted,
    Meaning.NO_SUCH_METHOD: Unsupported,
    Meaning.LIMITED: RateLimited,
    Meaning.UNAVAILABLE: Unavailable,
    Meaning.OTHER: UnknownAnswer,
}


def error_for(message: str, code: int | None = None) -> MonoprintError:
    """The port's error for a node's answer. It quotes the answer: nothing unknown is flattened."""
    return _ERRORS[classify(message, code)](f"node answers {code}: {message[:500]!r}")


def classify(message: str, code: int | None = None) -> Meaning:
    """The meaning of an error answer; `OTHER` where neither words nor code tell."""
    words = _plain(message)
    verdict, colon, reason = words.partition(": ")
    fallback = _VERDICTS.get(verdict) if colon else None
    if fallback is not None:
        words = reason
    # A question about something else than a transaction, or a malformed one, whatever other words it holds.
    if re.search(r"\bnot found$|invalid argument|unmarshal", words) and "method" not in words:
        return Meaning.UNAVAILABLE if "header not found" in words else Meaning.OTHER
    for meaning, pattern in _TRIED:
        if pattern.search(words):
            return meaning
    if fallback is not None:
        return fallback
    return _CODES.get(code, Meaning.OTHER) if code is not None else Meaning.OTHER


def _plain(message: str) -> str:
    """Lower case, enum names taken apart, quotes and hexadecimal numbers away (a hash may spell anything)."""
    text = re.sub(r"0x[0-9a-fA-F]*|\{[^{}]*\}", "0x", message[:2000])
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text)
    text = re.sub(r"(?<!\S)['\"`]+|['\"`]+(?!\S)", "", text)
    return re.sub(r"\s+", " ", text).strip().lower()
