"""How Massive is reached, and which of its answers are failures. No parsing of data here."""

import json

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

NAME = "massive"
# A whole day is more than a megabyte; what is wrong is said in a few hundred bytes.
_SAYING = 8_192


def classify(reply: Reply) -> Refusal | None:
    """Judge an answer by its body: its `status` and its words.

    403 speaks of the plan: a time before the plan's history is HISTORY_UNAVAILABLE, anything else
    NOT_ENTITLED. 401 is a wrong key.
    """
    if reply.status == 200 and len(reply.body) > _SAYING:
        return None
    said = _said(reply.body)
    if said is None:
        return None
    status, words = said
    if status in ("OK", "DELAYED") and reply.status == 200:
        return None
    lower = words.lower()
    if "api key" in lower or reply.status == 401:
        return Refusal(Failure.AUTH, words, "Set MASSIVE_API_KEY to a key of massive.com")
    if status == "NOT_AUTHORIZED" or reply.status == 403:
        return _beyond_the_plan(words)
    if "maximum requests" in lower or reply.status == 429:
        return Refusal(Failure.RATE_LIMITED, words, "It is asked again after a pause")
    if status == "NOT_FOUND" or reply.status == 404:
        return Refusal(Failure.UNKNOWN_SYMBOL, words, "Massive writes BRK.B, and p for preferred")
    if status == "ERROR" and reply.status == 200:
        return Refusal(Failure.TRANSIENT, words, "It is asked again")
    return None


def _said(body: bytes) -> tuple[str, str] | None:
    """The answer's status and words; None where it is no object with a status."""
    try:
        found = json.loads(body)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("status"), str):
        return None
    words = found.get("error") or found.get("message") or found["status"]
    return found["status"], str(words)[:300]


def _beyond_the_plan(words: str) -> Refusal:
    if "timeframe" in words.lower() or "before" in words.lower():
        return Refusal(
            Failure.HISTORY_UNAVAILABLE,
            words,
            "Begin later (the free plan has two years), or take a plan with more history",
        )
    return Refusal(Failure.NOT_ENTITLED, words, "Take a plan that has this data, or leave it out")


PROFILE = Profile(
    name=NAME,
    base_url="https://api.massive.com",
    classify=classify,
    rates=(Rate(5, 60),),
    key_env="MASSIVE_API_KEY",
    key_header="Authorization",
    key_prefix="Bearer ",
    check=("/v1/marketstatus/upcoming", {}),
    day_zone="America/New_York",
)
