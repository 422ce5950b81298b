"""Tiers (methodology D): override, listed symbol, rule with hysteresis, else UNCLASSIFIED.

In: instruments, their daily dollar volumes, market caps known at each month end, and the tiers in
force before the range. Out: rows of catalog.tiers. The thresholds are data (`tier_rules.py`);
which caps are known at a month end, and in which currency, is settled by the caller.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from fundplatform.finance.tier_rules import TIERS, TierRules, load_rules
from fundplatform.tables import TIERS as TABLE

__all__ = ["UNCLASSIFIED", "TierRules", "evaluate", "load_rules"]

UNCLASSIFIED = "UNCLASSIFIED"

_SCHEMA = {n: t for n, t in TABLE.polars_schema.items() if n not in TABLE.stamps}
_STATE = pl.Schema({"instrument_id": pl.Int32(), "tier": pl.String()})
_MILLION = 1e6


def evaluate(
    instruments: pl.DataFrame,
    points: Sequence[date],
    returns: pl.DataFrame,
    *,
    sessions: Sequence[date],
    caps: pl.DataFrame | None,
    previous: pl.DataFrame | None,
    rules: TierRules,
    first: date,
    last: date,
) -> pl.DataFrame:
    """One row per instrument at its first session and at every point while it is listed.

    An instrument is listed at a point if it has a bar within the window of `rules.sessions`
    sessions that ends there. Rule: the best tier whose cap and dollar-volume thresholds hold;
    better than the tier before only at `rules.up` times a threshold or more, worse only at
    `rules.down` times or less; plain thresholds where no tier was before. The dollar volume is
    the median of the window (missing values left out). First sessions are not classified by rule.
    A range in two parts gives the same rows as in one, if `previous` carries the state over.

    Args:
        instruments: instrument_id, asset_class, symbol, first_session; of one calendar.
        points: The calendar's month-end sessions; those outside [first, last] are ignored.
        returns: instrument_id, session, dollar_volume (USD), from `rules.sessions` sessions
            before the first point; rows after a point do not touch it.
        sessions: The calendar's sessions over the same span, ascending.
        caps: instrument_id, session (a point), market_cap (USD, known at that point; assets under
            management for funds); at most one row per key. None: no caps at all.
        previous: instrument_id and tier of the newest row before `first`. None: none.
        rules: From `load_rules`.
        first: First session of the range.
        last: Last session of the range.

    Returns:
        Columns of catalog.tiers without stamps, by instrument and session. UNCLASSIFIED says why.
    """
    state = _STATE.to_frame() if previous is None else previous.select(*_STATE).cast(_STATE)
    known = _with_fixed(instruments, rules)
    parts = []
    inside = [p for p in sorted(points) if first <= p <= last]
    for point, window in _windows(returns, inside, sessions, rules.sessions):
        # Not yet known: the row must not rest on bars from before the identity began.
        listed = known.filter(pl.col("first_session") <= point)
        measured = listed.join(_measured(window), on="instrument_id")
        rows = _classified(_with_cap(measured, caps, point), state, rules, point)
        state = pl.concat([state.join(rows, on="instrument_id", how="anti"), rows.select(*_STATE)])
        parts.append(rows)
    found = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    starts = _first_sessions(known, first, last).join(
        found, on=["instrument_id", "session"], how="anti"
    )
    return pl.concat([starts, found]).sort("instrument_id", "session")


def _with_fixed(instruments: pl.DataFrame, rules: TierRules) -> pl.DataFrame:
    """The instruments with their override or listed tier, and their class's thresholds."""
    text = pl.String()
    fixed = pl.DataFrame(
        [
            (asset_class, symbol, one.tier, one.reason, origin)
            for origin, given in (("listed", rules.listed), ("override", rules.overrides))
            for (asset_class, symbol), one in given.items()
        ],
        schema={n: text for n in ("asset_class", "symbol", "fixed", "fixed_reason", "origin")},
        orient="row",
    ).unique(["asset_class", "symbol"], keep="last", maintain_order=True)
    bounds = pl.DataFrame(
        [(name, *t.market_cap, *(t.dollar_volume or (None,) * 3)) for name, t in
         rules.thresholds.items()],
        schema={"asset_class": text}
        | {f"{kind}_{tier}": pl.Float64() for kind in ("cap", "volume") for tier in TIERS[:-1]},
        orient="row",
    )  # fmt: skip
    return (
        instruments.select(
            pl.col("instrument_id").cast(pl.Int32), "asset_class", "symbol", "first_session"
        )
        .join(fixed, on=["asset_class", "symbol"], how="left")
        .join(bounds, on="asset_class", how="left")
    )


def _windows(
    returns: pl.DataFrame, points: Sequence[date], sessions: Sequence[date], length: int
) -> Iterator[tuple[date, pl.DataFrame]]:
    """Each point with the bars of the `length` sessions that end with it."""
    bars = returns.select(pl.col("instrument_id").cast(pl.Int32), "session", "dollar_volume").sort(
        "session"
    )
    days = bars["session"]
    for point in points:
        end = bisect_right(sessions, point)
        start = sessions[max(end - length, 0)] if end else point
        begin = int(days.search_sorted(start, side="left"))
        yield point, bars.slice(begin, int(days.search_sorted(point, side="right")) - begin)


def _measured(window: pl.DataFrame) -> pl.DataFrame:
    """Per instrument with a bar in the window: bars, bars with a dollar volume, its median."""
    volume = pl.col("dollar_volume").fill_nan(None)
    return window.group_by("instrument_id").agg(
        bars=pl.len(), values=volume.count(), dollar_volume=volume.median()
    )


def _with_cap(rows: pl.DataFrame, caps: pl.DataFrame | None, point: date) -> pl.DataFrame:
    """Add market_cap; NULL where none is known, or what is known is no positive number."""
    if caps is None:
        return rows.with_columns(market_cap=pl.lit(None, dtype=pl.Float64))
    value = pl.col("market_cap").cast(pl.Float64)
    usable = caps.filter(pl.col("session") == point, value.is_finite(), value > 0).select(
        pl.col("instrument_id").cast(pl.Int32), value
    )
    return rows.join(usable, on="instrument_id", how="left", validate="1:1")


def _classified(
    rows: pl.DataFrame, state: pl.DataFrame, rules: TierRules, point: date
) -> pl.DataFrame:
    """The tier, origin and reason of each row at one point."""
    before = pl.col("tier").replace_strict({t: i + 1 for i, t in enumerate(TIERS)}, default=None)
    rows = rows.join(state, on="instrument_id", how="left").with_columns(
        _before=before.cast(pl.Int8), _problem=_problem(rules)
    )
    rows = rows.with_columns(
        _tier=_by_rule(pl.col("_before"), rules), _plain=_by_rule(pl.lit(None, pl.Int8), rules)
    )
    is_rule = pl.col("fixed").is_null() & pl.col("_problem").is_null()
    facts = pl.format(
        "market cap {} m USD, median dollar volume {} m USD",
        (pl.col("market_cap") / _MILLION).round(3),
        (pl.col("dollar_volume") / _MILLION).round(3).cast(pl.String).fill_null("unknown"),
    )
    held = pl.format(": {} without hysteresis, was {}", "_plain", "tier")
    because = (
        pl.when(pl.col("_plain") == pl.col("_tier"))
        .then(facts)
        .otherwise(pl.concat_str(facts, held))
    )
    return rows.with_columns(
        session=pl.lit(point),
        tier=pl.coalesce("fixed", pl.when(is_rule).then("_tier").otherwise(pl.lit(UNCLASSIFIED))),
        origin=pl.coalesce(
            "origin", pl.when(is_rule).then(pl.lit("rule")).otherwise(pl.lit("unclassified"))
        ),
        reason=pl.coalesce("fixed_reason", "_problem", because),
        market_cap=pl.when(is_rule).then("market_cap"),
        dollar_volume=pl.when(is_rule).then("dollar_volume"),
    ).select(pl.col(n).cast(t) for n, t in _SCHEMA.items())


def _problem(rules: TierRules) -> pl.Expr:
    """Why the rule cannot decide; NULL where it can."""
    by_volume = pl.col("volume_T1").is_not_null()
    count = pl.when(by_volume).then("values").otherwise("bars")
    wanted = pl.when(by_volume).then(pl.lit("a dollar volume in USD")).otherwise(pl.lit("a bar"))
    return (
        pl.when(pl.col("cap_T1").is_null())
        .then(pl.format("no rule for asset class {}", "asset_class"))
        .when(count < rules.minimum)
        .then(
            pl.format(
                f"{{}} of the last {rules.sessions} sessions have {{}}, {rules.minimum} needed",
                count,
                wanted,
            )
        )
        .when(pl.col("market_cap").is_null())
        .then(pl.lit("no market cap known in USD"))
    )


def _by_rule(before: pl.Expr, rules: TierRules) -> pl.Expr:
    """The best tier that holds, seen from the tier before (1 to 4, NULL: none)."""
    tier = pl.lit(TIERS[-1])
    for number, name in reversed(list(enumerate(TIERS[:-1], start=1))):
        # As a quotient: 1.1 x 200e9 is a hair above 220e9 in floats, 220e9 / 200e9 is 1.1.
        reached = pl.min_horizontal(
            pl.col("market_cap") / pl.col(f"cap_{name}"),
            pl.col("dollar_volume") / pl.col(f"volume_{name}"),
        )
        holds = (
            pl.when(before.is_null())
            .then(reached >= 1)
            .when(before > number)
            .then(reached >= rules.up)
            .otherwise(reached > rules.down)
        )
        tier = pl.when(holds).then(pl.lit(name)).otherwise(tier)
    return tier


def _first_sessions(known: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """A row at each first session in the range: override, listed or not yet classified."""
    new = known.filter(pl.col("first_session").is_between(first, last))
    return new.with_columns(
        session=pl.col("first_session"),
        tier=pl.col("fixed").fill_null(UNCLASSIFIED),
        origin=pl.col("origin").fill_null("unclassified"),
        reason=pl.col("fixed_reason").fill_null("first session; the rule decides at month ends"),
        market_cap=pl.lit(None, dtype=pl.Float64),
        dollar_volume=pl.lit(None, dtype=pl.Float64),
    ).select(pl.col(n).cast(t) for n, t in _SCHEMA.items())
