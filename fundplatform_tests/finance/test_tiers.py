"""Tiers worked by hand: thresholds, hysteresis, scope, overrides, chunks."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fundplatform.finance.frames import month_ends
from fundplatform.finance.tiers import evaluate, load_rules
from fundplatform.tables import TIERS

SESSIONS = [
    d
    for d in (date(2022, 9, 1) + timedelta(days=i) for i in range(620))
    if d.weekday() < 5
]  # fmt: skip
FIRST, LAST = date(2023, 1, 2), date(2024, 3, 29)
POINTS = [p for p in month_ends(SESSIONS) if FIRST <= p <= LAST]
BN, M = 1e9, 1e6


def instrument(
    number: int, symbol: str, asset_class: str = "equity", first_session: date = SESSIONS[0]
) -> dict[str, Any]:
    return {
        "instrument_id": number,
        "symbol": symbol,
        "asset_class": asset_class,
        "first_session": first_session,
    }


def catalog(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"instrument_id": pl.Int32})


def volumes(
    by_instrument: dict[int, float | None], sessions: list[date] = SESSIONS
) -> pl.DataFrame:
    rows = [(i, s, v) for i, v in by_instrument.items() for s in sessions]
    schema = {"instrument_id": pl.Int32, "session": pl.Date, "dollar_volume": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def caps(by_instrument: dict[int, list[float | None]]) -> pl.DataFrame:
    """One cap per point; shorter lists stop there."""
    rows = [
        (i, p, v)
        for i, values in by_instrument.items()
        for p, v in zip(POINTS, values, strict=False)
    ]
    schema = {"instrument_id": pl.Int32, "session": pl.Date, "market_cap": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def run(
    instruments: pl.DataFrame, returns: pl.DataFrame, market_caps: pl.DataFrame | None,
    first: date = FIRST, last: date = LAST, previous: pl.DataFrame | None = None,
) -> pl.DataFrame:  # fmt: skip
    return evaluate(
        instruments, POINTS, returns, sessions=SESSIONS, caps=market_caps, previous=previous,
        rules=load_rules(), first=first, last=last,
    )  # fmt: skip


def tiers_of(rows: pl.DataFrame, number: int = 1) -> list[str]:
    return rows.filter(pl.col("instrument_id") == number)["tier"].to_list()


def test_hysteresis_by_hand() -> None:
    # T1 needs 200 bn: up at 220, down at 160. T2 needs 10 bn: down at 8.
    steps: list[tuple[float, str]] = [
        (210 * BN, "T1"),  # nothing before: the plain threshold
        (170 * BN, "T1"),  # below 200, above 160
        (160 * BN, "T2"),  # at 0.8 x: down
        (210 * BN, "T2"),  # above 200, below 220
        (220 * BN, "T1"),  # at 1.1 x: up
        (7 * BN, "T3"),  # falls through T2 (8 bn)
        (10.9 * BN, "T3"),
        (11 * BN, "T2"),
        (8.1 * BN, "T2"),
        (8 * BN, "T3"),
        (0.24 * BN, "T4"),  # 0.8 x 0.3 bn
        (0.32 * BN, "T4"),
        (0.33 * BN, "T3"),
        (250 * BN, "T1"),  # two steps up at once
    ]
    rows = run(
        catalog(instrument(1, "X")), volumes({1: 2 * BN}), caps({1: [cap for cap, _ in steps]})
    )
    assert tiers_of(rows)[: len(steps)] == [tier for _, tier in steps]
    second = rows.row(1, named=True)
    assert second["origin"] == "rule"
    assert (second["market_cap"], second["dollar_volume"]) == (170 * BN, 2 * BN)
    assert second["reason"] == (
        "market cap 170000.0 m USD, median dollar volume 2000.0 m USD: "
        "T2 without hysteresis, was T1"
    )
    assert rows["reason"][0] == "market cap 210000.0 m USD, median dollar volume 2000.0 m USD"


@pytest.mark.parametrize(
    ("asset_class", "cap", "volume", "tier"),
    [
        ("equity", 200 * BN, 500 * M, "T1"),
        ("equity", 300 * BN, 499 * M, "T2"),
        ("equity", 199 * BN, 900 * M, "T2"),
        ("equity", 10 * BN, 50 * M, "T2"),
        ("equity", 300 * M, 1 * M, "T3"),
        ("equity", 900 * BN, 0.9 * M, "T4"),
        ("equity", 299 * M, 1 * M, "T4"),
        ("etf", 50 * BN, 1.0, "T1"),
        ("etf", 5 * BN, 1.0, "T2"),
        ("fund", 500 * M, None, "T3"),
        ("etf", 499 * M, 900 * M, "T4"),
        ("crypto", 10 * BN, 500 * M, "T1"),
        ("crypto", 1 * BN, 25 * M, "T2"),
        ("crypto", 100 * M, 1 * M, "T3"),
        ("crypto", 100 * M, 0.5 * M, "T4"),
    ],
)
def test_plain_thresholds(asset_class: str, cap: float, volume: float | None, tier: str) -> None:
    rows = run(catalog(instrument(1, "X", asset_class)), volumes({1: volume}), caps({1: [cap]}))
    assert tiers_of(rows)[0] == tier


def test_symbols_are_listed_only_as_crypto() -> None:
    trap = [("COMP", "T3"), ("SOL", "T1"), ("UNI", "T2"), ("MATIC", "T2"), ("POL", "T2")]
    instruments = [
        instrument(i + 10 * j, symbol, asset_class)
        for i, (symbol, _) in enumerate(trap)
        for j, asset_class in enumerate(("crypto", "equity"))
    ]
    ids = [i["instrument_id"] for i in instruments]
    rows = run(
        catalog(*instruments),
        volumes(dict.fromkeys(ids, 60 * M)),
        caps({i: [20 * BN] for i in ids}),
    )
    start = rows.filter(pl.col("session") == POINTS[0])
    for i, (_, tier) in enumerate(trap):
        coin, stock = (
            start.row(by_predicate=pl.col("instrument_id") == i + j, named=True) for j in (0, 10)
        )
        assert (coin["tier"], coin["origin"]) == (tier, "listed")
        # The stock of the same ticker follows its own numbers: 20 bn and 60 m are T2.
        assert (stock["tier"], stock["origin"]) == ("T2", "rule")


def test_overrides_win() -> None:
    instruments = catalog(
        instrument(1, "MSFT"),
        instrument(2, "AAPL"),
        instrument(3, "SPY", "etf"),
        instrument(4, "AAPL", "crypto"),
    )
    rows = run(
        instruments, volumes({i: 9 * BN for i in range(1, 5)}), caps({1: [3000 * BN], 4: [1.0]})
    )
    at = rows.filter(pl.col("session") == POINTS[0])
    assert at["tier"].to_list() == ["T2", "T1", "T1", "T4"]
    assert at["origin"].to_list() == ["override"] * 3 + ["rule"]
    # Without a cap, too, at every later point.
    assert set(tiers_of(rows, 2)) == {"T1"}
    assert at["market_cap"].to_list() == [None, None, None, 1.0]


def test_unclassified_says_why() -> None:
    days = SESSIONS[: SESSIONS.index(POINTS[0]) + 1]
    returns = pl.concat(
        [
            volumes({1: 9 * BN, 4: 9 * BN}),
            volumes({2: 9 * BN}, days[-19:]),
            volumes({3: 9 * BN}, days[-20:]),
            volumes({5: None}, days),
        ]
    )
    instruments = catalog(
        *(instrument(i, "X") for i in (1, 2, 3, 5)), instrument(4, "EURUSD", "fx")
    )
    known: dict[int, list[float | None]] = {i: [300 * BN] for i in (2, 3, 4, 5)}
    rows = run(instruments, returns, caps(known)).filter(pl.col("session") == POINTS[0])
    assert rows["tier"].to_list() == ["UNCLASSIFIED", "UNCLASSIFIED", "T1", *["UNCLASSIFIED"] * 2]
    assert rows["reason"].to_list() == [
        "no market cap known in USD",
        "19 of the last 60 sessions have a dollar volume in USD, 20 needed",
        "market cap 300000.0 m USD, median dollar volume 9000.0 m USD",
        "no rule for asset class fx",
        "0 of the last 60 sessions have a dollar volume in USD, 20 needed",
    ]


@pytest.mark.parametrize("bad", [None, 0.0, -5.0, float("nan"), float("inf")])
def test_an_impossible_cap_is_no_cap(bad: float | None) -> None:
    rows = run(
        catalog(instrument(1, "X")), volumes({1: 9 * BN}), caps({1: [300 * BN, bad, 210 * BN]})
    )
    # What follows an unclassified month starts from the plain thresholds: 210 is T1 again.
    assert tiers_of(rows)[:3] == ["T1", "UNCLASSIFIED", "T1"]


def test_the_median_is_of_sixty_sessions() -> None:
    end = SESSIONS.index(POINTS[-1]) + 1
    recent, older = SESSIONS[end - 60 : end], SESSIONS[: end - 60]
    low, high = recent[:31], recent[31:]
    returns = pl.concat([volumes({1: 9 * BN}, older + high), volumes({1: 2 * M}, low)])
    every = caps({1: [300 * BN] * len(POINTS)})
    last = run(catalog(instrument(1, "X")), returns, every).row(-1, named=True)
    # 31 of 60 sessions at 2 m, 29 at 9 bn: the median is 2 m.
    assert (last["session"], last["dollar_volume"]) == (POINTS[-1], 2 * M)


def test_the_first_session_has_a_row() -> None:
    start = date(2023, 5, 10)
    instruments = catalog(
        instrument(1, "NEW", first_session=start),
        instrument(2, "BTC", "crypto", first_session=start),
        instrument(3, "MSFT", first_session=start),
        instrument(4, "OLD", first_session=date(2022, 12, 30)),
    )
    rows = run(instruments, volumes({1: 9 * BN}, [s for s in SESSIONS if s >= start]), None)
    firsts = rows.filter(pl.col("session") == start)
    assert firsts["tier"].to_list() == ["UNCLASSIFIED", "T1", "T2"]
    assert firsts["origin"].to_list() == ["unclassified", "listed", "override"]
    assert 4 not in rows["instrument_id"]
    assert rows.filter(pl.col("instrument_id") == 1)["session"].to_list()[:2] == [
        start,
        date(2023, 5, 31),
    ]
    on_a_point = catalog(instrument(1, "NEW", first_session=POINTS[3]))
    once = run(on_a_point, volumes({1: 9 * BN}, [s for s in SESSIONS if s >= POINTS[3]]), None)
    assert once.select("instrument_id", "session").is_unique().all()
    assert once["session"][0] == POINTS[3]


def test_no_rows_for_what_is_not_listed() -> None:
    end = date(2023, 6, 30)
    until = [s for s in SESSIONS if s <= end]
    rows = run(catalog(instrument(1, "GONE")), volumes({1: 9 * BN}, until), None)
    # 60 sessions after its last bar it has left every window.
    assert rows["session"].max() == date(2023, 8, 31)
    future = catalog(instrument(1, "X", first_session=date(2023, 8, 1)))
    assert run(future, volumes({1: 9 * BN}), None)["session"].min() == date(2023, 8, 1)


def test_two_halves_are_the_whole() -> None:
    instruments = catalog(
        instrument(1, "X"), instrument(2, "MSFT"), instrument(3, "Y"),
        instrument(4, "Z", first_session=date(2023, 9, 14)),
    )  # fmt: skip
    known = caps(
        {
            1: [
                c * BN
                for c in (230, 190, 170, 150, 190, 210, 219, 221, 170, 165, 161, 159, 200, 200, 230)
            ],
            3: [
                c * BN if c else None
                for c in (12, 9, None, 9, 10, 9, 8.5, 8.1, 9, 10, 10.5, 12, 7, 9, 11)
            ],
        }
    )
    returns = volumes({1: 2 * BN, 2: 2 * BN, 3: 2 * BN, 4: 2 * BN})
    whole = run(instruments, returns, known)
    for cut in (date(2023, 2, 28), date(2023, 8, 15), date(2023, 11, 30)):
        head = run(instruments, returns, known, last=cut)
        newest = head.sort("session").group_by("instrument_id").agg(pl.col("tier").last())
        since = returns.filter(pl.col("session") > cut - timedelta(days=100))
        tail = run(instruments, since, known, first=cut + timedelta(days=1), previous=newest)
        assert pl.concat([head, tail]).sort("instrument_id", "session").equals(whole)
    # It matters: without the state, the second half is another.
    forgotten = run(instruments, returns, known, first=date(2023, 9, 1))
    assert not forgotten.equals(whole.filter(pl.col("session") >= date(2023, 9, 1)))


def test_the_frame_fits_its_table() -> None:
    expected = TIERS.empty().drop(TIERS.stamps).schema
    none = run(catalog(instrument(1, "X")).clear(), volumes({}), None)
    assert none.is_empty()
    assert none.schema == expected
    assert run(catalog(instrument(1, "X")), volumes({1: 1.0}), None).schema == expected
