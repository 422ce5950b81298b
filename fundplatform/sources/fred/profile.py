"""How FRED is reached, what its errors mean, what it has. No parsing of data here."""

from datetime import date

from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply
from fundplatform.sources.web.records import document

FIRST_VINTAGE, LAST_VINTAGE = date(1776, 7, 4), date(9999, 12, 31)
"""FRED's own words for "since ever" and "still"."""

# Start of an error message -> what it means; the first that is found counts.
_MEANS = (
    ("does not exist in ALFRED", Failure.NO_DATA, "Ask for the values alone"),
    ("series does not exist", Failure.UNKNOWN_SYMBOL, "Look the id up on fred.stlouisfed.org"),
    ("vintage dates", Failure.HISTORY_UNAVAILABLE, "Ask for fewer vintages at a time"),
    ("api_key", Failure.AUTH, "Set FRED_API_KEY to the 32 characters of your FRED account"),
    ("Too Many Requests", Failure.RATE_LIMITED, "Ask less often"),
)


def classify(reply: Reply) -> Refusal | None:
    """FRED's own errors: a JSON object with `error_message`."""
    if b'"error_message"' not in reply.body[:4096]:
        return None
    said = str(document("fred", reply.body).get("error_message", ""))
    for text, failure, remedy in _MEANS:
        if text.lower() in said.lower():
            return Refusal(failure, said, remedy)
    # A 429 or 5xx is judged by its status.
    return (
        Refusal(Failure.SCHEMA_CHANGED, said, "See FRED's notes") if reply.status == 400 else None
    )


PROFILE = Profile(
    name="fred",
    base_url="https://api.stlouisfed.org",
    classify=classify,
    rates=(Rate(100, 60),),
    key_env="FRED_API_KEY",
    key_param="api_key",
    check=("/fred/series", {"series_id": "DGS10", "file_type": "json"}),
)

_DESCRIPTION = """
Federal Reserve Economic Data with ALFRED's vintages: `vintage` is the first day on which the value
was the published one. Missing values (`.`, holidays) are NULL, never 0. Values keep the series'
unit: yields and rates are **percent a year**, and may be negative. `DTB3` and its sisters are bank
discount rates: BEY = 365 d / (360 - 91 d) with d = value / 100. Dates are observation dates;
monthly and quarterly series carry the first day of the period. A series that ALFRED does not keep
has one vintage, its own date. Needs FRED_API_KEY (free).
"""

SPEC = SourceSpec(
    name="fred",
    title="FRED: interest rates and economic series with vintages",
    asset_class="economic",
    market="US",
    quote="USD",
    # Whole series each time: a revision may change any date, and a month is published long after
    # its first day.
    kinds={
        Kind.RATES: Coverage("24/5", FIRST_VINTAGE, partitioned=False),
        Kind.ECONOMIC: Coverage("24/7", FIRST_VINTAGE, partitioned=False),
    },
    description=_DESCRIPTION.strip(),
    url="https://fred.stlouisfed.org",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """FRED's id of a canonical symbol: the same, in capitals."""
    return symbol.strip().upper()
