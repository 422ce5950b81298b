"""The look-ahead firewall around caps, share counts, exchange rates and new names.

A whole market is built, then again with all that came after a day taken away, and with all of that
made wild: the rows up to the day are the same, to the last bit.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform import calendars, tables
from fundplatform.assets.catalog import closes_of
from fundplatform.assets.index_inputs import CUTOFF, Known, one_index
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.caps import market_caps
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.securities import classify

FIRST, LAST = date(2024, 1, 2), date(2024, 4, 30)
XNYS = calendars.get("XNYS")
FRAMES = ("compositions", "performance", "contributions", "unpriced", "exclusions", "baskets")
NAMES = 9
TOP = IndexDefinition(
    "x", "X", Universe(("equity",), ("US",), securities="us_common"), 3, "market_cap",
    weighting="cap", rebalance="monthly", max_cap_age_days=60, stale_sessions=2, buffer=0.4,
)  # fmt: skip
SOURCES = pl.DataFrame(
    {"source_id": [1], "name": ["s"], "priority": [10], "calendar": ["XNYS"]}
).cast({"source_id": pl.Int16, "priority": pl.Int32})


@pytest.fixture(scope="module")
def sessions() -> list[date]:
    return XNYS.sessions(FIRST, LAST)


def raw_market(sessions: list[date]) -> dict[str, pl.DataFrame]:
    """Nine names, three in euro, one without a country and one foreign; counts and snapshots."""
    rng = np.random.default_rng(5)
    bars, shares, caps = [], [], []
    for i in range(1, NAMES + 1):
        walk = 50 * np.exp(np.cumsum(rng.normal(0, 0.05, len(sessions))))
        born = 30 if i == 4 else 0
        quote = "EUR" if i % 3 == 0 else "USD"
        bars += [
            (1, i, "1d", quote, s, float(p), 1e6, "none", True)
            for t, (s, p) in enumerate(zip(sessions, walk, strict=True))
            if t >= born and rng.random() > 0.03
        ]
        for s in rng.choice(np.array(sessions[:-1], dtype=object), 5, replace=False):
            known = datetime(s.year, s.month, s.day, 14, tzinfo=UTC) + timedelta(
                hours=float(rng.uniform(0, 14))
            )
            size = float(rng.choice([1.0, 1.1, 1.5]))
            if i % 2:
                shares.append((1, i, s - timedelta(days=9), known, 1e7 * size))
            else:
                caps.append((1, i, known, s, 6e8 * size * (1000.0 if size > 1.4 else 1.0), quote))
    fixings = [(1, 20, s, s, float(rng.uniform(1.0, 1.2))) for s in sessions[::3]]
    # A second source of the same pair, and a cross, that begin in the middle.
    fixings += [(2, 21, s, s, 0.9) for s in sessions[40:]]
    schemas = {
        "prices": {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS},
        "shares": _without(tables.SHARES),
        "caps": _without(tables.MARKET_CAPS),
        "rates": _without(tables.OBSERVATIONS),
    }
    rows = {"prices": bars, "shares": shares, "caps": caps, "rates": fixings}
    return {n: pl.DataFrame(r, schema=schemas[n], orient="row") for n, r in rows.items()}


def _without(table: tables.Table) -> dict[str, pl.DataType]:
    return {n: t for n, t in table.polars_schema.items() if n not in table.stamps}


def known_of(raw: dict[str, pl.DataFrame], sessions: list[date]) -> Known:
    """The catalog made of what is there, as the assets make it."""
    equity = [(i, f"S{i}", "equity", "EUR" if i % 3 == 0 else "USD") for i in range(1, NAMES + 1)]
    instruments = pl.DataFrame(
        [*equity, (20, "EUR", "fx", "USD"), (21, "USD", "fx", "EUR")],
        schema=["instrument_id", "symbol", "asset_class", "quote"],
        orient="row",
    ).with_columns(
        pl.col("instrument_id").cast(pl.Int32), market=pl.lit("US"), name=pl.col("symbol"),
        valid_from=pl.lit(sessions[0]),
    )  # fmt: skip
    profiles = pl.DataFrame(
        [(1, i, f"Company {i}", {7: None, 8: "France"}.get(i, "USA"), None) for i in range(1, 10)],
        schema={"source_id": pl.Int16, "instrument_id": pl.Int32, "name": pl.String,
                "country": pl.String, "cik": pl.String},
        orient="row",
    )  # fmt: skip
    securities = classify(instruments, profiles)
    factors = split_factors(tables.CORPORATE_ACTIONS.empty())
    closes = closes_of(raw["prices"], instruments, SOURCES)
    caps = market_caps(raw["shares"], raw["caps"], closes, factors, securities)
    return Known(
        raw["prices"], factors, instruments, SOURCES, caps, rates=raw["rates"],
        securities=securities,
    )  # fmt: skip


def cut(raw: dict[str, pl.DataFrame], day: date) -> tuple[dict[str, pl.DataFrame], ...]:
    """What was known at the cutoff of the day, and the rest."""
    close = XNYS.closes(day, day)["close_at"][0] + CUTOFF
    # A snapshot dated later waits for its date.
    early = {
        "prices": pl.col("session") <= day,
        "shares": pl.col("known_at") <= close,
        "caps": (pl.col("known_at") <= close) & (pl.col("session") <= day),
        "rates": (pl.col("session") <= day) & (pl.col("vintage") <= day),
    }
    return tuple({n: raw[n].filter(t if keep else ~t) for n, t in early.items()}
                 for keep in (True, False))  # fmt: skip


WILD = {"prices": "close", "shares": "shares", "caps": "market_cap", "rates": "value"}


@pytest.mark.parametrize("rebalance", ["monthly", "daily"])
def test_nothing_that_came_later_moves_a_session(sessions: list[date], rebalance: str) -> None:
    definition = replace(TOP, rebalance=rebalance)  # type: ignore[arg-type]
    raw = raw_market(sessions)
    whole = one_index(definition, known_of(raw, sessions), sessions[0], LAST)
    ids = set(whole.compositions["instrument_id"].to_list())
    assert ids & {3, 6, 9}, "names in euro rank too"
    assert 8 not in ids, "a foreign company does not"
    rng = np.random.default_rng(1)
    for at in (12, 35, 50, 70):
        day = sessions[at]
        past, later = cut(raw, day)
        noise = {n: pl.Series(rng.lognormal(0, 2, f.height)) for n, f in later.items()}
        wild = {
            n: pl.concat([past[n], f.with_columns(pl.col(WILD[n]) * noise[n])])
            for n, f in later.items()
        }
        for other, last in ((past, day), (wild, LAST)):
            result = one_index(definition, known_of(other, sessions), sessions[0], last)
            for name in FRAMES:
                same = (getattr(r, name).filter(pl.col("session") <= day) for r in (result, whole))
                assert_frame_equal(*same, check_exact=True)
