"""How Alpha Vantage is reached, and which of its answers are failures.

Every failure comes with status 200 and says so in words. The answer may repeat the key, so its
words are not passed on.
"""

import json

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

NAME = "alpha_vantage"
SERIES = "Time Series (Daily)"
# Words of a failure -> what it means; the first that is found counts. The day's limit is named in
# the notice of the second's limit as well, so the shorter windows stand before it.
_MEANS = (
    ("apikey", Failure.AUTH, "the key is missing or wrong"),
    ("invalid api call", Failure.UNKNOWN_SYMBOL, "it does not know the symbol"),
    ("per second", Failure.RATE_LIMITED, "too many requests a second"),
    ("sparingly", Failure.RATE_LIMITED, "too many requests a second"),
    ("per minute", Failure.RATE_LIMITED, "too many requests a minute"),
    ("per day", Failure.QUOTA_EXHAUSTED, "the day's requests are used up"),
    ("premium", Failure.NOT_ENTITLED, "the key's plan does not cover this"),
    ("demo", Failure.AUTH, "the demo key answers its own examples only"),
)
_REMEDIES = {
    Failure.AUTH: "Set ALPHA_VANTAGE_API_KEY to a key of alphavantage.co",
    Failure.UNKNOWN_SYMBOL: "Look the symbol up with Alpha Vantage's SYMBOL_SEARCH",
    Failure.QUOTA_EXHAUSTED: "It is asked again tomorrow",
    Failure.NOT_ENTITLED: "Take a paid plan, or another source for older sessions",
}


def classify(reply: Reply) -> Refusal | None:
    """Judge an answer by the name of its one field: Note, Information or Error Message."""
    # A good answer is longer, and a short one is read quickly.
    if reply.status != 200 or len(reply.body) > 4096:
        return None
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    if not isinstance(found, dict) or SERIES in found:
        return None
    for name in ("Note", "Information", "Error Message"):
        if isinstance(words := found.get(name), str):
            return _meaning(name, words.lower())
    return None


def _meaning(name: str, words: str) -> Refusal:
    for text, failure, problem in _MEANS:
        if text in words:
            return Refusal(failure, problem, _REMEDIES.get(failure, "It is asked again"))
    # Notices about limits change their wording: not asked again today.
    remedy = _REMEDIES[Failure.QUOTA_EXHAUSTED]
    return Refusal(Failure.QUOTA_EXHAUSTED, f"it answers with a notice ({name})", remedy)


PROFILE = Profile(
    name=NAME,
    base_url="https://www.alphavantage.co",
    classify=classify,
    rates=(Rate(1, 1), Rate(5, 60), Rate(25, 86_400)),
    key_env="ALPHA_VANTAGE_API_KEY",
    key_param="apikey",
    check=("/query", {"function": "GLOBAL_QUOTE", "symbol": "IBM"}),
    day_zone="America/New_York",
)
