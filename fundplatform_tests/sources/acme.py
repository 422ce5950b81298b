"""A small vendor that does everything right: the example of CONTRIBUTING, and a part of tests.

One call per tracked symbol and page; bars of XNYS sessions, published six hours after the close.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform import calendars
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply, Tracked

LAG = timedelta(hours=6)
SPEC = SourceSpec(
    name="acme",
    title="Acme bars",
    asset_class="equity",
    market="US",
    quote="USD",
    kinds={Kind.OHLCV: Coverage("XNYS", date(2020, 1, 2), lag=LAG)},
    description="An invented vendor.",
)
_FAILURES = {
    "bad key": Failure.AUTH,
    "bad plan": Failure.NOT_ENTITLED,
    "quota": Failure.QUOTA_EXHAUSTED,
    "no such symbol": Failure.UNKNOWN_SYMBOL,
}
_NUMBERS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


def classify(reply: Reply) -> Refusal | None:
    """Acme says {"error": ...}, with status 200 as well."""
    if not reply.body.startswith(b'{"error"'):
        return None
    words = str(json.loads(reply.body)["error"])
    return Refusal(_FAILURES.get(words, Failure.TRANSIENT), words, "See acme.test/errors")


PROFILE = Profile(
    name="acme",
    base_url="https://api.acme.test/v1",
    classify=classify,
    rates=(Rate(5, 60.0), Rate(25, 86_400.0)),
    key_env="ACME_API_KEY",
    key_param="apiKey",
    check=("/status", {}),
)


def parse(reply: Reply, symbol: str) -> tuple[pl.DataFrame, pl.DataFrame, str | None]:
    """Bars, rejects and the link of the next page.

    Raises:
        VendorError: SCHEMA_CHANGED: no JSON, a field is missing or has another type.
    """
    body = json.loads(reply.body)
    if not isinstance(body.get("bars"), list):
        raise _changed("bars")
    good, bad = [], []
    for number, bar in enumerate(body["bars"], 1):
        for name in ("d", *_NUMBERS.values()):
            if name not in bar:
                raise _changed(name)
        if not isinstance(bar["d"], str):
            raise _changed("d")
        place = {"row_number": number, "session": date.fromisoformat(bar["d"])}
        try:
            values = {name: float(bar[short]) for name, short in _NUMBERS.items()}
        except (TypeError, ValueError) as error:
            reason = {"rule": "unparseable", "reason": str(error), "row": json.dumps(bar)}
            bad.append({**place, "vendor_symbol": symbol, **reason})
            continue
        good.append({**place, "vendor_symbol": symbol, **values})
    typed = {"row_number": pl.Int64(), "session": pl.Date(), "vendor_symbol": pl.String()}
    rows = pl.DataFrame(good, {**typed, **{name: pl.Float64() for name in _NUMBERS}})
    return (
        rows.with_columns(
            interval=pl.lit("1d"),
            quote=pl.lit("USD"),
            adjustment=pl.lit("none"),
            bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        ),
        pl.DataFrame(
            bad, {**typed, "rule": pl.String(), "reason": pl.String(), "row": pl.String()}
        ),
        body.get("next"),
    )


def _changed(name: str) -> VendorError:
    return VendorError("acme", Failure.SCHEMA_CHANGED, f"field {name}", "Look for a newer release")


@dataclass(frozen=True)
class Acme:
    """The source."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """What is tracked is what it is expected to deliver."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Each fetch says what it learnt."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The bars of the tracked symbols.

        Raises:
            VendorError: An answer is a failure.
        """
        collector = Collector(kind, first, last)
        closes = calendars.get("XNYS").closes(first, last)
        done = closes.filter(pl.col("close_at") + LAG <= now)["session"]
        seen = [self._symbol(collector, one, first, last, now) for one in self.access.tracked]
        newest = max((day for day in seen if day), default=None)
        late = closes.filter(pl.col("close_at") + LAG > now)["session"].to_list()
        # Nobody has the newest session: it is late, not empty.
        late += [
            d for d in done[-1:] if seen and (newest is None or d > newest) and _recent(d, now)
        ]
        collector.not_published(late)
        return collector.batch()

    def _symbol(
        self, collector: Collector, one: Tracked, first: date, last: date, now: datetime
    ) -> date | None:
        path: str | None = "/bars"
        params = {"symbol": one.vendor_symbol, "from": f"{first}", "to": f"{last}"}
        newest, found = None, 0
        while path:
            try:
                reply = self.access.web.get(path, params)
            except VendorError as error:
                if error.failure is not Failure.UNKNOWN_SYMBOL:
                    raise
                collector.skip(one.vendor_symbol, error.failure, "acme does not know it")
                return None
            rows, rejected, path = parse(reply, one.vendor_symbol)
            params = {}
            # A bar of a day that has not closed is not finished.
            closes = calendars.get("XNYS").closes(first, last).rename({"close_at": "_close"})
            rows = rows.join(closes, on="session", how="left", maintain_order="left")
            rows = rows.filter(pl.col("_close").is_null() | (pl.col("_close") <= now)).drop(
                "_close"
            )
            collector.add(reply, rows, rejected)
            days = rows.filter(pl.col("session").is_between(first, last))["session"]
            found += len(days) + rejected.height
            newest = max(filter(None, (newest, days.max())), default=None)  # type: ignore[type-var]
            if len(days):
                collector.list(_listing(one, days))
        if not found and len(calendars.get("XNYS").sessions(first, last)) > 1:
            collector.skip(one.vendor_symbol, Failure.NO_DATA, f"no bar in {first}..{last}")
        return newest


def _recent(day: date, now: datetime) -> bool:
    return (now.date() - day).days <= 3


def _listing(one: Tracked, days: pl.Series) -> pl.DataFrame:
    row = (one.vendor_symbol, one.symbol, one.asset_class, "US", one.quote, None)
    return pl.DataFrame([(*row, days.min(), days.max())], LISTING_SCHEMA, orient="row")
