"""Series of daily bars for the rules that look back; numbers chosen by hand."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from fundplatform.finance.rules import CONTEXT, Judged, judge
from fundplatform_tests.finance.test_rules import GOOD, SCHEMA

START = date(2024, 1, 1)
FETCHED = datetime(2025, 6, 1, tzinfo=UTC)
LONG = {**SCHEMA, **CONTEXT, "session_number": pl.Int64}


def day(number: int) -> date:
    """A Monday to Friday calendar without holidays, counted from 2024-01-01."""
    return START + timedelta(days=number // 5 * 7 + number % 5)


def bar(number: int, close: float, **change: Any) -> dict[str, Any]:  # noqa: ANN401
    """A good bar of the n-th session around `close`; its volume is like no other's."""
    midnight = datetime.combine(day(number), time(), UTC)
    around = {
        "open": close,
        "high": close * 1.01 if close > 0 else close + 1,
        "low": close * 0.99 if close > 0 else close - 1,
        "close": close,
        "volume": 1000.0 + number,
        "vwap": None,
    }
    return {
        **GOOD,
        **around,
        "session": day(number),
        "session_number": number,
        "bar_open_at": midnight,
        "bar_close_at": midnight + timedelta(hours=21),
        "fetched_at": FETCHED,
        **change,
    }


def calm(count: int, level: float = 100.0, **change: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Bars that hardly move: 100, 100.1, 100, 100.1, ..."""
    return [bar(n, level * (1.001 if n % 2 else 1.0), **change) for n in range(count)]


def frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as the rules take them."""
    return pl.DataFrame(list(rows), schema=LONG)


def found(
    rows: Sequence[Mapping[str, Any]],
    **more: Any,  # noqa: ANN401
) -> dict[int, str]:
    """Place of each row that is not plain good -> `rejected V..` or the warnings it carries.

    The gate is left out: few rows make a session.
    """
    bars = frame(rows).with_row_index("place")
    return verdicts(bars, judge(filled(bars.drop("place")), **more))


def filled(bars: pl.DataFrame) -> pl.DataFrame:
    """With 400 good bars of other instruments per session, so that no gate closes."""
    sessions = bars.unique(["source_id", "session"], maintain_order=True)
    others = pl.DataFrame(
        {"instrument_id": range(10_000, 10_400)}, schema={"instrument_id": pl.Int32}
    )
    copies = sessions.drop("instrument_id").join(others, how="cross").select(bars.columns)
    good = {n: pl.lit(GOOD[n]) for n in ("quote", "interval", "is_session", "coverage_start")}
    price = 50 + pl.col("instrument_id") / 1000
    volume = pl.col("instrument_id") + pl.col("session").dt.ordinal_day().cast(pl.Float64)
    copies = copies.with_columns(
        **good,
        open=price, high=price, low=price, close=price, vwap=None,
        volume=volume, asset_class=pl.lit("equity"), adjustment=pl.lit("none"),
        bar_close_at=pl.col("bar_open_at") + timedelta(hours=21), fetched_at=pl.lit(FETCHED),
        session_number=None,
    )  # fmt: skip
    return pl.concat([bars, copies.cast(dict(bars.schema))])


def verdicts(bars: pl.DataFrame, judged: Judged) -> dict[int, str]:
    """Place -> verdict, see `found`."""
    key = ["source_id", "instrument_id", "bar_open_at"]
    refused = judged.rejected.select(*key, verdict=pl.format("rejected {}", "rules"))
    marked = judged.validated.filter(pl.col("warnings").is_not_null())
    both = pl.concat([refused, marked.select(*key, verdict="warnings")])
    return dict(bars.join(both, on=key).sort("place").select("place", "verdict").rows())
