"""Small markets for the index tests: closes by symbol in, the inputs of `build` out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.index import TABLES, Payouts, payouts
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.payments import PAYMENTS
from fundplatform.finance.returns import session_returns
from fundplatform.tables import ACTIONS

Closes = dict[str, list[float | None]]
"""By symbol, a value a session; None: no bar."""
START = date(2024, 1, 1)
CLOSE = time(21, 0)
CUTOFF_LAG = timedelta(hours=4)
FRAMES = tuple(t.name for t in TABLES)
"""What `build` gives: the names of an `IndexResult`'s frames."""
NO_FACTORS = pl.DataFrame(
    schema={
        "instrument_id": pl.Int32,
        "from_session": pl.Date,
        "to_session": pl.Date,
        "split_factor": pl.Float64,
    }
)


def day(position: int) -> date:
    return START + timedelta(days=position)


def sessions(count: int) -> list[date]:
    """Plain days: what a session is belongs to the calendar, not to the index."""
    return [day(i) for i in range(count)]


def close_at(position: int) -> datetime:
    return datetime.combine(day(position), CLOSE, UTC)


def cutoffs(count: int) -> pl.DataFrame:
    closes = [close_at(i) for i in range(count)]
    return pl.DataFrame(
        {
            "session": sessions(count),
            "close_at": closes,
            "cutoff": [c + CUTOFF_LAG for c in closes],
        },
        schema_overrides={
            "close_at": pl.Datetime("us", "UTC"),
            "cutoff": pl.Datetime("us", "UTC"),
        },
    )


def market(
    closes: Mapping[str, Sequence[float | None]],
    *,
    volumes: Mapping[str, float] | None = None,
    splits: Sequence[tuple[str, int, float]] = (),
    ids: Mapping[str, int] | None = None,
    listed: Mapping[str, date] | None = None,
) -> pl.DataFrame:
    """The `returns` input of `build`; None is a session without a bar."""
    ids = ids or {s: i + 1 for i, s in enumerate(closes)}
    rows = [
        (1, ids[s], day(i), c, (volumes or {}).get(s, 100.0), "none", True)
        for s, series in closes.items()
        for i, c in enumerate(series)
        if c is not None
    ]
    bars = pl.DataFrame(
        rows,
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "session": pl.Date,
            "close": pl.Float64,
            "volume": pl.Float64,
            "adjustment": pl.String,
            "selected": pl.Boolean,
        },
        orient="row",
    )
    actions = pl.DataFrame(
        [(1, ids[s], "split", day(i), ratio) for s, i, ratio in splits],
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "action": pl.String,
            "ex_date": pl.Date,
            "ratio": pl.Float64,
        },
        orient="row",
    )
    names = pl.DataFrame(
        {
            "instrument_id": list(ids.values()),
            "symbol": list(ids),
            "listed_from": [(listed or {}).get(s, START) for s in ids],
        },
        schema_overrides={"instrument_id": pl.Int32},
    )
    returns = session_returns(bars, split_factors(actions))
    return returns.join(names, on="instrument_id", how="left", maintain_order="left")


def caps(
    rows: Sequence[tuple[str, datetime, float | None]],
    ids: Mapping[str, int],
    dated: date | None = None,
) -> pl.DataFrame:
    """Snapshots, `dated` or of the day on which they were known; a night lasts until 04:00."""
    return pl.DataFrame(
        [(ids[s], s, known, dated or (known - CUTOFF_LAG).date(), cap) for s, known, cap in rows],
        schema={
            "instrument_id": pl.Int32,
            "symbol": pl.String,
            "known_at": pl.Datetime("us", "UTC"),
            "session": pl.Date,
            "market_cap": pl.Float64,
        },
        orient="row",
    )


def paid_by(
    returns: pl.DataFrame,
    cash: list[tuple[int, int, float, float]] = [],  # noqa: B006
    spun: list[tuple[int, int, float]] = [],  # noqa: B006
    ends: list[tuple[int, str, int, float | None]] = [],  # noqa: B006
    children: list[tuple[int, int, int]] = [],  # noqa: B006
) -> Payouts:
    """Cash as (id, day, amount, special part), spin-offs as (id, day, worth), ends, children."""
    amounts = [(i, day(t), a, s) for i, t, a, s in cash]
    worth = [(i, day(t), a, a) for i, t, a in spun]
    rows = [
        {
            "instrument_id": i,
            "action": a,
            "ex_date": day(t),
            "amount": v,
            "known_at": close_at(t - 1),
        }
        for i, a, t, v in ends
    ]
    return payouts(
        pl.DataFrame(amounts, schema=PAYMENTS, orient="row"),
        pl.DataFrame(worth, schema=PAYMENTS, orient="row"),
        pl.DataFrame(rows, schema=ACTIONS.polars_schema),
        returns.with_columns(adjustment=pl.lit("none")),
        NO_FACTORS,
        None,
        pl.DataFrame(
            [(i, day(t), child) for i, t, child in children],
            schema={"instrument_id": pl.Int32, "ex_date": pl.Date, "child_id": pl.Int32},
            orient="row",
        ),
    )


def by_cap(n: int = 2, **changes: object) -> IndexDefinition:
    return IndexDefinition("x", "X", Universe(), n, "market_cap", **changes)  # type: ignore[arg-type]


def by_volume(n: int = 2, **changes: object) -> IndexDefinition:
    values = {"window": 1, **changes}
    return IndexDefinition("x", "X", Universe(), n, "dollar_volume", **values)  # type: ignore[arg-type]
