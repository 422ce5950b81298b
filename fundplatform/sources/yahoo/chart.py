"""Yahoo's chart: daily bars, splits and dividends, turned back to what was traded and paid.

In: the bytes of one chart. Out: typed rows as traded. Which days are wanted, and whether a bar is
finished, is `source.py`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform.sources.web.columns import not_finite, number, split, texts
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import changed, document, rejects_of

PRICES = ("open", "high", "low", "close")
_BAR = (*PRICES, "volume")
# Yahoo's codes of hundredths -> currency.
_CENTS = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ILA": "ILS", "USX": "USD"}


@dataclass(frozen=True)
class Meta:
    """What a chart says of its symbol.

    Attributes:
        kind: Yahoo's instrumentType.
        currency: Of the prices as they are given out here.
        unit: Currency units per Yahoo's unit: 0.01 for prices in cents.
        zone: Time zone of the exchange.
        exchange: Its name.
        name: Long name of the symbol.
        first: First day of trading.
    """

    kind: str
    currency: str
    unit: float
    zone: str
    exchange: str
    name: str | None
    first: date | None


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        meta: The symbol.
        bars: row_number, session, open, high, low, close, volume, as traded.
        actions: row_number, action, ex_date, ratio, amount.
        rejected: Bars and events that cannot be read.
    """

    meta: Meta
    bars: pl.DataFrame
    actions: pl.DataFrame
    rejected: pl.DataFrame


def parse_chart(body: bytes) -> Chart:
    """A chart of daily or longer bars.

    Yahoo divides prices and dividends by every split after them, and multiplies volumes: as traded
    is price x ratios of the splits with a later ex-date among those of the answer, so the answer
    must reach to the present. Of two bars of one session (Yahoo appends the live one) the last
    counts.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    result = _result(body)
    meta = _meta(result)
    zone = meta.zone
    splits, bad_splits = _splits(result, zone)
    paid, bad_paid = _dividends(result, zone)
    bars, bad_bars = _bars(result, zone)
    bars = _as_traded(bars, "session", splits).with_columns(
        *(pl.col(n) * pl.col("ratio") * meta.unit for n in PRICES),
        volume=pl.col("volume") / pl.col("ratio"),
    )
    paid = _as_traded(paid, "ex_date", splits).with_columns(
        amount=pl.col("amount") * pl.col("ratio") * meta.unit, ratio=pl.lit(None, pl.Float64())
    )
    columns = ("action", "ex_date", "ratio", "amount")
    actions = pl.concat(
        [
            splits.with_columns(amount=pl.lit(None, pl.Float64())).select(columns),
            paid.select(columns),
        ]
    ).with_row_index("row_number", offset=1)
    rejected = pl.concat([bad_bars, bad_splits, bad_paid])
    return Chart(meta, bars.drop("ratio"), actions, rejected)


def _result(body: bytes) -> dict[str, object]:
    chart = document("yahoo", body).get("chart")
    results = chart.get("result") if isinstance(chart, dict) else None
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise changed("yahoo", "field chart.result", "is missing or empty")
    return results[0]


def _meta(result: Mapping[str, object]) -> Meta:
    meta = result.get("meta")
    if not isinstance(meta, dict):
        raise changed("yahoo", "field meta", "is missing")
    needed: dict[str, str] = {}
    for name in ("instrumentType", "currency", "exchangeTimezoneName"):
        text = meta.get(name)
        if not isinstance(text, str):
            raise changed("yahoo", f"field meta.{name}", "is missing or no text")
        needed[name] = text
    zone, currency = needed["exchangeTimezoneName"], needed["currency"]
    begun = meta.get("firstTradeDate")
    first = _days(pl.Series([begun], dtype=pl.Int64()), zone)[0] if type(begun) is int else None
    title = meta.get("longName") or meta.get("shortName")
    return Meta(
        kind=needed["instrumentType"],
        currency=_CENTS.get(currency, currency),
        unit=0.01 if currency in _CENTS else 1.0,
        zone=zone,
        exchange=str(meta.get("fullExchangeName") or meta.get("exchangeName")),
        name=title if isinstance(title, str) else None,
        first=first,
    )


def _bars(result: Mapping[str, object], zone: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    quotes = _quotes(result)
    stamps = result.get("timestamp")
    if stamps is None and quotes:
        raise changed("yahoo", "field timestamp", "is missing beside bars")
    if stamps is not None and not isinstance(stamps, list):
        raise changed("yahoo", "field timestamp", "is no list")
    columns = {"timestamp": stamps or [], **{name: quotes.get(name, []) for name in _BAR}}
    for name, values in columns.items():
        if not isinstance(values, list) or (name not in quotes and stamps and name in _BAR):
            raise changed("yahoo", f"field {name}", "is missing or no list")
        if len(values) != len(stamps or []):
            problem = f"field {name} has {len(values)} values for {len(stamps or [])} bars"
            raise VendorError("yahoo", Failure.TRUNCATED, problem, "Fetch it again")
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    given = texts("yahoo", rows, ("timestamp", *_BAR)).with_columns(
        stamp=pl.col("timestamp").cast(pl.Int64(), strict=False)
    )
    given = given.with_columns(_days(given["stamp"], zone))
    tests = {f"{name} is no number": not_finite(name) for name in _BAR}
    tests["timestamp is no whole number"] = pl.col("stamp").is_null()
    good, rejected = split(given, tests)
    if given.height > 1 and good.is_empty():
        raise changed("yahoo", "field timestamp or close", "can be read in no bar")
    bars = good.select("row_number", "stamp", "session", *(number(n).alias(n) for n in _BAR))
    return _last_of_each(bars, rejected)


def _last_of_each(bars: pl.DataFrame, rejected: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each session's last bar; differing bars before it on the newest session are superseded."""
    newest = pl.col("session") == pl.col("session").max()
    live = newest & (pl.col("stamp") < pl.col("stamp").max().over("session"))
    gone = bars.filter(live)
    if gone.is_empty():
        return bars.drop("stamp"), rejected
    reason = pl.lit("superseded by the live bar of the same session in this answer")
    return bars.filter(~live).drop("stamp"), pl.concat(
        [rejected, rejects_of(gone.drop("stamp"), "duplicate", reason)]
    )


def _quotes(result: Mapping[str, object]) -> Mapping[str, object]:
    indicators = result.get("indicators")
    quotes = indicators.get("quote") if isinstance(indicators, dict) else None
    if not isinstance(quotes, list) or not quotes or not isinstance(quotes[0], dict):
        raise changed("yahoo", "field indicators.quote", "is missing or no list of objects")
    return quotes[0]


def _events(result: Mapping[str, object], name: str) -> list[object]:
    events = result.get("events") or {}
    found = events.get(name) if isinstance(events, dict) else None
    if found is None:
        return []
    if not isinstance(found, dict):
        raise changed("yahoo", f"field events.{name}", "is no object")
    return list(found.values())


def _splits(result: Mapping[str, object], zone: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = _events(result, "splits")
    given = texts("yahoo", rows, ("date", "numerator", "denominator"))
    ratio = number("numerator") / number("denominator")
    good, rejected = split(given, {"split without a date or ratio": _undated() | ~_positive(ratio)})
    splits = good.select(
        "row_number",
        action=pl.lit("split"),
        ex_date=_days(good.select(pl.col("date").cast(pl.Int64())).to_series(), zone),
        ratio=ratio,
    )
    return splits.sort("ex_date"), rejected


def _dividends(result: Mapping[str, object], zone: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Dividends and capital gains, on Yahoo's basis.

    Where a fund pays both on one day, Yahoo's dividend includes the gain (yfinance's
    "double count"): it is taken out.
    """
    parts, lost = [], []
    for name, action in (("dividends", "dividend"), ("capitalGains", "special_dividend")):
        given = texts("yahoo", _events(result, name), ("date", "amount"))
        test = _undated() | ~_positive(number("amount"))
        good, rejected = split(given, {f"{action} without a date or amount": test})
        days = _days(good.select(pl.col("date").cast(pl.Int64())).to_series(), zone)
        parts.append(good.select(action=pl.lit(action), ex_date=days, amount=number("amount")))
        lost.append(rejected)
    dividends, gains = parts
    gain = gains.group_by("ex_date").agg(pl.col("amount").sum().alias("gain"))
    dividends = dividends.join(gain, on="ex_date", how="left", maintain_order="left")
    included = pl.col("gain").is_not_null() & (pl.col("gain") <= pl.col("amount"))
    own = pl.when(included).then(pl.col("amount") - pl.col("gain")).otherwise(pl.col("amount"))
    dividends = dividends.with_columns(amount=own).filter(pl.col("amount") > 0).drop("gain")
    return pl.concat([dividends, gains]).sort("ex_date", "action"), pl.concat(lost)


def _as_traded(rows: pl.DataFrame, day: str, splits: pl.DataFrame) -> pl.DataFrame:
    """Add `ratio`: new shares today per share on the row's day."""
    product = pl.lit(1.0)
    for ex_date, ratio in splits.select("ex_date", "ratio").iter_rows():
        product *= pl.when(pl.col(day) < pl.lit(ex_date)).then(ratio).otherwise(1.0)
    return rows.with_columns(ratio=product)


def _undated() -> pl.Expr:
    return pl.col("date").cast(pl.Int64(), strict=False).is_null()


def _positive(value: pl.Expr) -> pl.Expr:
    return (value.is_finite() & (value > 0)).fill_null(False)


def _days(stamps: pl.Series, zone: str) -> pl.Series:
    """Dates of unix seconds in a time zone: Yahoo stamps a bar with its exchange's opening."""
    try:
        local = pl.from_epoch(stamps, "s").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    except pl.exceptions.PolarsError:
        raise changed("yahoo", "field exchangeTimezoneName", f"is no time zone: {zone}") from None
    return local.dt.date().alias("session")
