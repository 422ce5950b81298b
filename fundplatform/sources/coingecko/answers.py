"""Bytes of CoinGecko's answers to market caps and supply. Nothing is asked here."""

import polars as pl

from fundplatform.sources.web.lists import Layout, changed, decoded, originals
from fundplatform.sources.web.pairs import (
    Answer,
    rejects,
)
from fundplatform.sources.web.profile import Reply, Tracked

_CAPS = Layout("coingecko", ("time", "market_cap"))
_SUPPLY = Layout(
    "coingecko", ("circulating_supply", "id", "last_updated"), frozenset({"id", "last_updated"})
)
_DAY_MS = 86_400_000


def parse_caps(reply: Reply, coin: Tracked) -> Answer:
    """Market caps at 00:00 UTC, the close of the day before. The last point, if odd, is now.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    body = decoded("coingecko", reply)
    if not isinstance(body, dict) or "market_caps" not in body:
        raise changed("coingecko", reply, "field market_caps is missing")
    points = body["market_caps"]
    numbers, unread = _CAPS.read(reply, points)
    time = pl.col("time").cast(pl.Int64())
    at_close = time % _DAY_MS == 0
    now = pl.col("row_number") == pl.col("row_number").max()
    odd = numbers.filter(~at_close & ~now).with_columns(reason=pl.lit("time is no 00:00 UTC"))
    rows = numbers.filter(at_close).select(
        "row_number",
        "market_cap",
        vendor_symbol=pl.lit(coin.vendor_symbol),
        currency=pl.lit("USD"),
        known_at=time.cast(pl.Datetime("ms", "UTC")).cast(pl.Datetime("us", "UTC")),
        session=(time // _DAY_MS - 1).cast(pl.Int32()).cast(pl.Date()),
    )
    refused = rejects(coin, pl.concat([unread, originals(points, odd)]))
    return Answer(reply, rows, refused)


def parse_supply(reply: Reply) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Circulating supply of coins, as of `last_updated`.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    body = decoded("coingecko", reply)
    if not isinstance(body, list) or not all(isinstance(coin, dict) for coin in body):
        raise changed("coingecko", reply, "a list of coins was expected")
    for name in _SUPPLY.fields:
        if body and not any(name in coin for coin in body):
            raise changed("coingecko", reply, f"field {name} is missing")
    cells = [[coin.get(name) for name in _SUPPLY.fields] for coin in body]
    numbers, unread = _SUPPLY.read(reply, cells)
    texts = [(n, str(c.get("id")), str(c.get("last_updated"))) for n, c in enumerate(body, 1)]
    schema = {"row_number": pl.Int64(), "id": pl.String(), "last_updated": pl.String()}
    named = pl.DataFrame(texts, schema, orient="row").with_columns(
        known_at=pl.col("last_updated").str.to_datetime(time_zone="UTC", strict=False),
    )
    rows = numbers.join(named, on="row_number", maintain_order="left").select(
        "row_number",
        "known_at",
        vendor_symbol="id",
        shares="circulating_supply",
        measured_on=pl.col("known_at").dt.date(),
    )
    refused = originals(body, unread).join(named.select("row_number", "id"), on="row_number")
    return rows, refused.rename({"id": "vendor_symbol"}).with_columns(rule=pl.lit("unparseable"))
