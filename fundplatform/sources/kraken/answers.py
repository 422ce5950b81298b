"""Bytes of Kraken's answers to bars and trades; bars out of trades. Nothing is asked here."""

import polars as pl

from fundplatform.sources.web.lists import Layout, changed, decoded
from fundplatform.sources.web.pairs import (
    DAY,
    Answer,
    bars,
    rejects,
)
from fundplatform.sources.web.profile import Reply, Tracked

_BARS = Layout("kraken", ("time", "open", "high", "low", "close", "vwap", "volume", "trade_count"))
_TRADES = Layout(
    "kraken",
    ("price", "volume", "time", "side", "order_type", "misc", "trade_id"),
    frozenset({"side", "order_type", "misc"}),
)
_DAY_S = int(DAY.total_seconds())


def parse_ohlc(reply: Reply, pair: Tracked) -> Answer:
    """Daily bars, the running one included.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    rows, _ = _result(reply)
    return bars(_BARS, reply, rows, pair)


def parse_trades(reply: Reply, pair: Tracked) -> tuple[Answer, str]:
    """Trades of one page, and the id to ask on from.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    rows, last = _result(reply)
    numbers, unread = _TRADES.read(reply, rows)
    day = (pl.col("time") / _DAY_S).floor().cast(pl.Int64())
    # Rounding to microseconds must not carry a trade over midnight.
    micros = pl.min_horizontal(
        (pl.col("time") * 1e6).round().cast(pl.Int64()), (day + 1) * _DAY_S * 1_000_000 - 1
    )
    frame = numbers.select(
        "row_number",
        "price",
        "volume",
        vendor_symbol=pl.lit(pair.vendor_symbol),
        quote=pl.lit(pair.quote),
        trade_id=pl.col("trade_id").cast(pl.Int64()),
        session=day.cast(pl.Int32()).cast(pl.Date()),
        traded_at=micros.cast(pl.Datetime("us", "UTC")),
    )
    return Answer(reply, frame, rejects(pair, unread)), last


def daily(trades: pl.DataFrame) -> pl.DataFrame:
    """Daily bars of one pair's trades: first, highest, lowest, last price; sums; vwap.

    Args:
        trades: As `parse_trades` gives them, of whole days, in any order, ids unique.
    """
    price, volume = pl.col("price"), pl.col("volume")
    session = pl.col("session")
    return (
        trades.sort("trade_id")
        .group_by("vendor_symbol", "session", "quote", maintain_order=True)
        .agg(
            open=price.first(),
            high=price.max(),
            low=price.min(),
            close=price.last(),
            vwap=(price * volume).sum() / volume.sum(),
            volume=volume.sum(),
            trade_count=pl.len(),
        )
        .with_columns(
            bar_open_at=session.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            interval=pl.lit("1d"),
            adjustment=pl.lit("none"),
        )
    )


def _result(reply: Reply) -> tuple[object, str]:
    """The one list in `result`, whatever Kraken calls the pair, and `last`."""
    body = decoded("kraken", reply)
    result = body.get("result") if isinstance(body, dict) else None
    if not isinstance(result, dict):
        raise changed("kraken", reply, "field result is missing")
    if "last" not in result:
        raise changed("kraken", reply, "field last is missing")
    lists = [rows for name, rows in result.items() if name != "last"]
    if len(lists) != 1:
        raise changed("kraken", reply, f"one pair was expected in result, not {len(lists)}")
    last = str(result["last"])
    if not last.isdigit():
        raise changed("kraken", reply, f"field last is no id: {last!r}")
    return lists[0], last
