"""How Yahoo is reached, and what its errors mean. All of Yahoo's sources share it, and its limits.

Yahoo refuses plain HTTP clients: yfinance carries the requests (`transport.py`).
"""

import json

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply
from fundplatform.sources.yahoo.transport import YfinanceTransport

CHART = "/v8/finance/chart/"
SUMMARY = "/v10/finance/quoteSummary/"

# Part of a description or code -> what it means; the first that is found counts.
_MEANS = (
    ("No fundamentals data found", Failure.NO_DATA, "Nothing: Yahoo has no facts of it"),
    ("Data doesn't exist for startDate", Failure.NO_DATA, "Nothing: it has no bars in the range"),
    ("No data found, symbol may be delisted", Failure.UNKNOWN_SYMBOL, "Look it up at Yahoo"),
    ("Quote not found", Failure.UNKNOWN_SYMBOL, "Look it up at Yahoo"),
    ("Too Many Requests", Failure.RATE_LIMITED, "Ask less often"),
    ("Invalid Crumb", Failure.TRANSIENT, "yfinance gets a new one; if it goes on, upgrade it"),
    ("Invalid Cookie", Failure.TRANSIENT, "yfinance gets a new one; if it goes on, upgrade it"),
    ("internal", Failure.TRANSIENT, "It is asked again"),
    ("Not Found", Failure.UNKNOWN_SYMBOL, "Look it up at Yahoo"),
)


def classify(reply: Reply) -> Refusal | None:
    """Yahoo's own errors: an `error` object beside `result`, or a page instead of JSON."""
    start = reply.body[:512]
    if b"Too Many Requests" in start:
        return Refusal(Failure.RATE_LIMITED, "too many requests", "Ask less often")
    if b"Will be right back" in reply.body[:65536]:
        return Refusal(Failure.TRANSIENT, "Yahoo is down for the moment", "It is asked again")
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    boxes = found.values() if isinstance(found, dict) else ()
    error = next((b["error"] for b in boxes if isinstance(b, dict) and b.get("error")), None)
    if error is None:
        return None
    said = json.dumps(error)
    if isinstance(error, dict):
        said = f"{error.get('code')}: {error.get('description')}"
    for text, failure, remedy in _MEANS:
        if text.lower() in said.lower():
            return Refusal(failure, said, remedy)
    if reply.status in {401, 403, 429} or reply.status >= 500:
        return None
    return Refusal(Failure.SCHEMA_CHANGED, said, "Upgrade yfinance, or see its issues")


PROFILE = Profile(
    name="yahoo",
    account="yahoo",
    base_url="https://query2.finance.yahoo.com",
    classify=classify,
    # Unpublished. yfinance sends more after a refusal, so it is half of what is borne.
    rates=(Rate(1, 1.0), Rate(1500, 3600)),
    transport=YfinanceTransport,
    check=(f"{CHART}SPY", {"interval": "1d", "range": "5d"}),
    day_zone="America/New_York",
)
