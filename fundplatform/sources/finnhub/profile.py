"""How Finnhub is reached, and which of its answers are failures. No parsing of data here."""

import json

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

NAME = "finnhub"


def classify(reply: Reply) -> Refusal | None:
    """Judge an answer by its body: a failure is an object with `error`."""
    words = _error(reply.body)
    if words is None:
        return None
    lower = words.lower()
    if "access to this resource" in lower or "premium" in lower:
        return Refusal(Failure.NOT_ENTITLED, words, "The key's plan does not cover this")
    if "limit" in lower or reply.status == 429:
        return Refusal(Failure.RATE_LIMITED, words, "It is asked again after a pause")
    if "api key" in lower or "token" in lower or reply.status == 401:
        return Refusal(Failure.AUTH, words, "Set FINNHUB_API_KEY to a key of finnhub.io")
    if "symbol" in lower:
        return Refusal(Failure.UNKNOWN_SYMBOL, words, "Look the symbol up on finnhub.io")
    if reply.status == 200:
        return Refusal(Failure.TRANSIENT, words, "It is asked again")
    return None


def _error(body: bytes) -> str | None:
    # Good answers are objects too, some of them long; an error is short.
    if len(body) > 4096 or b'"error"' not in body:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return None
    words = found.get("error") if isinstance(found, dict) else None
    return words[:300] if isinstance(words, str) else None


PROFILE = Profile(
    name=NAME,
    base_url="https://finnhub.io/api/v1",
    classify=classify,
    rates=(Rate(30, 1), Rate(60, 60)),
    key_env="FINNHUB_API_KEY",
    key_header="X-Finnhub-Token",
    check=("/quote", {"symbol": "AAPL"}),
)
