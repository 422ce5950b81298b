"""How Kraken is reached, what its errors mean, what it has. No parsing of data here."""

import json
from datetime import date

from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.pairs import (
    LAG,
)
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

# Kraken's own codes, as its pair names and bundles have them.
_CODES = {"BTC": "XBT", "DOGE": "XDG"}

# Start of an error text -> what it means; the first that fits counts.
_MEANS = (
    ("EQuery:Unknown asset pair", Failure.UNKNOWN_SYMBOL, "Name a pair like XBTUSD"),
    ("EQuery:Invalid asset pair", Failure.UNKNOWN_SYMBOL, "Name a pair like XBTUSD"),
    ("EGeneral:Too many requests", Failure.RATE_LIMITED, "Ask less often"),
    ("EGeneral:Temporary lockout", Failure.RATE_LIMITED, "Wait before asking again"),
    ("EAPI:Rate limit exceeded", Failure.RATE_LIMITED, "Ask less often"),
    ("EAPI:", Failure.AUTH, "Public data needs no key: see whether the address is Kraken's"),
    ("EGeneral:Permission denied", Failure.NOT_ENTITLED, "Kraken does not serve this from here"),
    ("EService:", Failure.TRANSIENT, "Try again"),
    ("EGeneral:Internal error", Failure.TRANSIENT, "Try again"),
)


def classify(reply: Reply) -> Refusal | None:
    """Failures are texts in `error`, with status 200; texts that begin with W only warn."""
    if reply.body[:64].replace(b" ", b"").startswith(b'{"error":[]'):
        return None
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    told = body.get("error") if isinstance(body, dict) else None
    errors = [str(e) for e in told if not str(e).startswith("W")] if isinstance(told, list) else []
    if not errors:
        return None
    for begins, failure, remedy in _MEANS:
        if errors[0].startswith(begins):
            return Refusal(failure, errors[0], remedy)
    return Refusal(Failure.SCHEMA_CHANGED, errors[0], "Kraken no longer understands the request")


PROFILE = Profile(
    name="kraken",
    base_url="https://api.kraken.com",
    classify=classify,
    rates=(Rate(1, 1.0),),
    headers={"User-Agent": "fundplatform", "Accept": "application/json"},
    check=("/0/public/SystemStatus", {}),
)
SPEC = SourceSpec(
    name="kraken",
    title="Kraken",
    asset_class="crypto",
    market="CRYPTO",
    quote="USD",
    kinds={
        Kind.OHLCV: Coverage("24/7", date(2013, 9, 10), lag=LAG),
        Kind.TRADES: Coverage("24/7", date(2013, 9, 10), lag=LAG),
    },
    priority=50,
    sparse=True,
    description=(
        "Daily bars and trades by REST, as traded, UTC days. No key. Bars: the newest 720 "
        "days; older ones from Kraken's downloadable bundles (drop folders). "
        "Trades: of pairs tracked with `kinds: [ohlcv, trades]`."
    ),
    url="https://docs.kraken.com/api/docs/rest-api/get-ohlc-data",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """(BTC, USD) -> XBTUSD, as in Kraken's requests and bundles."""
    return _CODES.get(symbol, symbol) + _CODES.get(quote, quote)
