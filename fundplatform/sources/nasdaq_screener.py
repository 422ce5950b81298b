"""Nasdaq's stock screener: market caps, sector and country of every US-listed stock, without a key.

A snapshot of now, one call an exchange: it has no history. Caps belong to the session whose closing
prices they are made of, so they are fetched between a close and the next opening only.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform import calendars, symbols
from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import not_finite, number, split, texts
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply
from fundplatform.sources.web.records import REJECTED, changed

EXCHANGES = ("nasdaq", "nyse", "amex")
LAG = timedelta(hours=1)
"""From a close until its prices stand in the screener."""
# New York's session lasts 6.5 hours at most; pre-market trades do not move `lastsale`.
_LONGEST_SESSION = timedelta(hours=6, minutes=30)
_PATH = "/api/screener/stocks"
_FIELDS = ("symbol", "name", "marketCap", "country", "ipoyear", "industry", "sector")
_BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


def classify(reply: Reply) -> Refusal | None:
    """Nasdaq answers 200 to everything; the true status stands in `status.rCode`."""
    try:
        found = json.loads(reply.body)
    except ValueError:
        return None
    status = found.get("status") if isinstance(found, dict) else None
    code = status.get("rCode") if isinstance(status, dict) else None
    if code in (None, 200):
        return None
    said = json.dumps(status.get("bCodeMessage")) if isinstance(status, dict) else ""
    failure = Failure.RATE_LIMITED if code == 429 else Failure.SCHEMA_CHANGED
    failure = Failure.TRANSIENT if isinstance(code, int) and code >= 500 else failure
    return Refusal(failure, f"rCode {code}: {said}", "Compare with nasdaq.com's own page")


PROFILE = Profile(
    name="nasdaq_screener",
    base_url="https://api.nasdaq.com",
    classify=classify,
    rates=(Rate(20, 60),),
    headers={"User-Agent": _BROWSER, "Accept": "application/json, text/plain, */*"},
    check=(_PATH, {"tableonly": "true", "exchange": "amex", "limit": "1"}),
    day_zone="America/New_York",
)

_DESCRIPTION = """
Nasdaq's public stock screener for the Nasdaq, NYSE and NYSE American exchanges: market caps in USD
by session, and name, sector, industry, country and year of listing. No history: a session that was
not fetched before the next opening cannot be had any more. Traps: each share class carries the
whole company's cap (GOOG and GOOGL, BRK/A and BRK/B); foreign companies are listed by their ADRs;
units, warrants and preferred shares have cap 0 or none.
"""

SPEC = SourceSpec(
    name="nasdaq_screener",
    title="Nasdaq stock screener: market caps, sector, country",
    asset_class="equity",
    market="US",
    quote="USD",
    kinds={
        Kind.MARKET_CAPS: Coverage("XNYS", date(2000, 1, 3), lag=LAG),
        Kind.PROFILES: Coverage("XNYS", date(2000, 1, 3), partitioned=False),
    },
    description=_DESCRIPTION.strip(),
    url="https://www.nasdaq.com/market-activity/stocks/screener",
)


@dataclass(frozen=True)
class NasdaqScreener:
    """The screener as a source.

    Attributes:
        access: Requests; every stock is taken, whatever is tracked.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        """None before a fetch: each answer says which stocks there are."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Caps of the session that closed last, if it is in the range; or every stock's profile.

        Other sessions of the range are not published: they cannot be had. Nothing is asked for
        them.

        Raises:
            VendorError: Any failure.
            SourceError: It has no such kind.
        """
        collector = Collector(kind, first, last)
        match kind:
            case Kind.MARKET_CAPS:
                self._caps(collector, now)
            case Kind.PROFILES:
                for exchange, reply in self._answers():
                    rows, rejected = parse(reply.body)
                    rows = rows.with_columns(exchange=pl.lit(exchange))
                    collector.add(reply, rows.drop("market_cap"), rejected)
                    collector.list(_listings(rows, _day_of(reply.fetched_at)))
            case _:
                raise SourceError(
                    SPEC.name, f"it has no {kind}", f"Ask for one of {list(SPEC.kinds)}"
                )
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one an exchange, for caps only where they can be had."""
        if kind is Kind.MARKET_CAPS and priced_session(now) not in _expected(first, last, now):
            return Plan([])
        return Plan([_request(exchange) for exchange in EXCHANGES])

    def _caps(self, collector: Collector, now: datetime) -> None:
        expected = _expected(collector.first, collector.last, now)
        session = priced_session(now)
        if session in expected:
            answers = list(self._answers())
            stale = any(self._is_stale(exchange, reply, session) for exchange, reply in answers)
            for _, reply in [] if stale else answers:
                rows, rejected = parse(reply.body)
                day = pl.lit(session)
                own = rows.select("row_number", "vendor_symbol", "market_cap").with_columns(
                    session=day, known_at=pl.lit(reply.fetched_at), currency=pl.lit("USD")
                )
                collector.add(reply, own, rejected.with_columns(session=day))
                collector.list(_listings(rows, session))
            expected -= set() if stale else {session}
        collector.not_published(expected)

    def _is_stale(self, exchange: str, reply: Reply, session: date) -> bool:
        """True for yesterday's snapshot: by its own date, or because its bytes came before."""
        stated = _stated_day(reply.body)
        if stated is not None:
            return stated != session
        name = f"snapshot of {exchange}"
        seen = self.access.memory.get(name, session, timedelta(days=30))
        if isinstance(seen, dict) and seen.get("digest") == reply.digest:
            return seen.get("session") != session.isoformat()
        fact = {"digest": reply.digest, "session": session.isoformat()}
        self.access.memory.put(name, fact, session)
        return False

    def _answers(self) -> Iterator[tuple[str, Reply]]:
        for exchange in EXCHANGES:
            request = _request(exchange)
            yield exchange, self.access.web.get(request.path, request.params)


def _request(exchange: str) -> Request:
    return Request(_PATH, {"tableonly": "true", "exchange": exchange, "download": "true"})


def _expected(first: date, last: date, now: datetime) -> set[date]:
    return set(calendars.get("XNYS").sessions(first, min(last, _day_of(now))))


def priced_session(now: datetime) -> date | None:
    """The session whose closing prices the screener shows at `now`; None while one is open."""
    day = timedelta(days=1)
    closes = calendars.get("XNYS").closes(_day_of(now) - 14 * day, _day_of(now) + 14 * day)
    over = closes.filter(pl.col("close_at") + LAG <= now)
    coming = closes.filter(pl.col("close_at") + LAG > now)["close_at"].min()
    newest = over["session"].max()
    if not isinstance(coming, datetime) or coming - _LONGEST_SESSION <= now:
        return None
    return newest if isinstance(newest, date) else None


def parse(body: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Stocks of an answer, or of an archived list of its rows.

    Returns:
        `row_number`, `vendor_symbol`, `market_cap` (USD; NULL where none is given), `name`,
        `country`, `listed_year`, `industry`, `sector`; and rejects.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    rows = _rows(body)
    given = texts(SPEC.name, rows, _FIELDS).with_columns(
        vendor_symbol="symbol",
        market_cap=pl.col("marketCap").str.replace_all(",", "").str.strip_prefix("$"),
    )
    blank = [pl.col(n).replace("", None) for n in (*_FIELDS, "market_cap")]
    given = given.with_columns(blank)
    good, rejected = split(
        given,
        {
            "symbol is missing": pl.col("symbol").is_null(),
            "marketCap is no number": not_finite("market_cap"),
            "marketCap is negative": number("market_cap") < 0,
            "ipoyear is no year": not_finite("ipoyear"),
        },
    )
    if given.height > 1 and good.is_empty():
        raise changed(SPEC.name, "field symbol or marketCap", "can be read in no row")
    return good.select(
        "row_number",
        "vendor_symbol",
        "name",
        "country",
        "industry",
        "sector",
        market_cap=number("market_cap"),
        listed_year=number("ipoyear").cast(pl.Int32(), strict=False),
    ), rejected if rejected.height else REJECTED.to_frame()


def _rows(body: bytes) -> list[object]:
    found = _json(body)
    data = found.get("data") if isinstance(found, dict) else {"rows": found}
    table = data.get("table", data) if isinstance(data, dict) else None
    rows = table.get("rows") if isinstance(table, dict) else None
    if not isinstance(rows, list):
        raise changed(SPEC.name, "field data.rows", "is missing or no list")
    if not rows:
        raise changed(SPEC.name, "field data.rows", "has no row: an exchange is never empty")
    return rows


def _stated_day(body: bytes) -> date | None:
    """The day of the prices, where the answer says it ("Last price as of Oct 30, 2024")."""
    found = _json(body)
    data = found.get("data") if isinstance(found, dict) else None
    said = (data.get("asOf") or data.get("asof")) if isinstance(data, dict) else None
    if not isinstance(said, str):
        return None
    words = pl.Series([said]).str.extract(r"([A-Z][a-z]{2} \d{1,2}, \d{4})")
    day = words.str.to_date("%b %d, %Y", strict=False)[0]
    return day if isinstance(day, date) else None


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise changed(SPEC.name, "the answer", f"is no JSON ({error})") from None


def _listings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    spelled = {s: symbols.equity(s) for s in rows["vendor_symbol"]}
    return rows.select(
        "vendor_symbol",
        symbol=pl.col("vendor_symbol").replace_strict(spelled, return_dtype=pl.String()),
        asset_class=pl.lit(SPEC.asset_class),
        market=pl.lit(SPEC.market),
        quote=pl.lit(SPEC.quote),
        name="name",
        valid_from=pl.lit(day),
        valid_to=pl.lit(day),
    ).unique("vendor_symbol", keep="first", maintain_order=True)


def _day_of(at: datetime) -> date:
    """Its date in New York."""
    local = pl.Series([at]).dt.convert_time_zone("America/New_York").dt.date()[0]
    assert isinstance(local, date)  # noqa: S101  # of an aware instant
    return local
