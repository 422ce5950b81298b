"""How EDGAR is reached and what it has; the rules of access are the SEC's fair-access policy.

No parsing here: `identifiers.py`, `shares.py`, `nport.py` and `fees.py` read the answers.
"""

from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

NAME = "sec_edgar"
COMPANIES = "/files/company_tickers_exchange.json"
FUNDS = "/files/company_tickers_mf.json"


def classify(reply: Reply) -> Refusal | None:
    """EDGAR blocks with 403 and a page that says why; what is not there is 404."""
    if reply.status == 404:
        return Refusal(Failure.NO_DATA, "EDGAR has no such file", "See whether it files this form")
    if reply.status != 403:
        return None
    if b"Undeclared Automated Tool" in reply.body:
        return Refusal(
            Failure.AUTH,
            "EDGAR does not accept who asks",
            'Set FUNDPLATFORM_SEC_CONTACT to your name and address: "Jane Doe jane@example.com"',
        )
    if b"Request Rate Threshold Exceeded" in reply.body:
        # The same page meets a contact without a name and an address.
        return Refusal(
            Failure.RATE_LIMITED,
            "EDGAR blocks this address for some minutes",
            'Wait; FUNDPLATFORM_SEC_CONTACT must read like "Jane Doe jane@example.com"',
        )
    return None


PROFILE = Profile(
    name=NAME,
    base_url="https://www.sec.gov",
    hosts={"/api/xbrl/": "https://data.sec.gov"},
    classify=classify,
    # The policy allows 10 a second; a block lasts ten minutes.
    rates=(Rate(8, 1.0),),
    headers={"User-Agent": "{contact}"},
    contact_env="FUNDPLATFORM_SEC_CONTACT",
    # A quarter's prospectus data set has about 40 MB.
    max_bytes=256 * 2**20,
    check=(COMPANIES, {}),
    day_zone="America/New_York",
)

_DESCRIPTION = """
The SEC's EDGAR, by ticker (public domain; 10 requests a second, FUNDPLATFORM_SEC_CONTACT names who
asks):

- **profiles**: ticker, CIK and exchange of companies; CIK, series and class of funds. Current
  tickers only.
- **shares**: shares outstanding from the cover pages of 10-K, 10-Q and their kin, by the day they
  refer to and the day they were filed; a fact that later filings repeat keeps its first day.
  Companies with several share classes state them by class: those facts are not in this interface,
  so they are missing or partial.
- **holdings**: Form N-PORT by filing day. Weights are shares of net assets; shorts are negative,
  and the sum need not be 1. Public about 60 days after a quarter's end. Unit investment trusts
  (SPY, QQQ) and commodity trusts do not file it.
- **fund_facts**: expense ratios of prospectuses from the quarterly risk/return data sets, by filing
  day: net of waivers where the fund states that, else total. Published after each quarter's end.
"""

SPEC = SourceSpec(
    name=NAME,
    title="SEC EDGAR: identifiers, shares outstanding, fund holdings and fees",
    asset_class="equity",
    market="US",
    quote="USD",
    kinds={
        Kind.PROFILES: Coverage("24/5", date(2009, 6, 15), partitioned=False),
        Kind.SHARES: Coverage("24/5", date(2009, 6, 15), partitioned=False),
        # EDGAR takes filings until 22:00 New York time, five hours after this calendar's close.
        Kind.HOLDINGS: Coverage("24/5", date(2019, 9, 1), lag=timedelta(hours=6)),
        Kind.FUND_FACTS: Coverage("24/5", date(2010, 10, 1), lag=timedelta(hours=6)),
    },
    description=_DESCRIPTION.strip(),
    url="https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """The SEC's spelling of a canonical symbol: BRK.B -> BRK-B, ABR.PR.A -> ABR-PA."""
    return symbol.replace(".PR.", "-P").replace(".", "-")


def filed_at(name: str) -> pl.Expr:
    """The instant at which a day of filing was over in New York: its filings are public by then."""
    return (
        pl.col(name)
        .cast(pl.Datetime("us"))
        .dt.offset_by("1d")
        .dt.replace_time_zone("America/New_York")
        .dt.convert_time_zone("UTC")
    )


def day_in_new_york(at: datetime) -> date:
    """The date in New York."""
    local = pl.Series([at]).dt.convert_time_zone("America/New_York").dt.date()[0]
    assert isinstance(local, date)  # noqa: S101  # of an aware instant
    return local
