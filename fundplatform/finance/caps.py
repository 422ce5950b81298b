"""Market caps that may be used (methodology A6): share counts first, then vendors' snapshots.

In: raw.shares, raw.market_caps, closes as traded, split factors, catalog.securities. Out: rows of
catalog.market_caps, the refused ones with their reason. What is known at t depends on nothing that
came after t. Moving a cap on with the price is `index/market_cap.py`.
"""

import math

import polars as pl

from fundplatform.finance.adjustment import factor_of
from fundplatform.finance.profile_history import dated
from fundplatform.tables import CAPS

VERSION = 4
"""Raised when the same data comes to give other caps."""

MAX_AGE_DAYS = 400
"""A count older than this is not used, and a fresher snapshot counts instead."""

MOST_CHANGE = 0.2
"""A count that moves by more than this without a split is quarantined (A6)."""

JUMP = 3.0
"""A snapshot that differs by more than this factor from the one before, moved by the price."""

CONFIRMED = 5
"""So many snapshots in a row on a new level are a fact: from the last of them it is trusted."""

UNIT = "unit:"
"""How the problem of a cap in another unit begins."""

TURNOVER = 0.5
"""Nobody trades half of a company on a median day: such a cap is in another unit."""

REPEATED = 0.95
"""A snapshot with more than this share of unchanged caps, while prices moved, is an old one."""

SERVES = pl.max_horizontal("session", pl.col("known_at").dt.offset_by("-28h").dt.date())
"""The first session a row may decide: known by the close + 4 h of a day that ends at midnight."""

PRICED_ON = (
    pl.col("known_at")
    .dt.convert_time_zone("America/New_York")
    .dt.replace_time_zone(None)
    .dt.offset_by("-16h")
    .dt.date()
)
"""The last session that had closed when a cap was known: New York's at 16:00, as
`index/market_cap.py` places it."""

_REPEATED_NAMES = 20
_SAME_CAP, _SAME_SHARES, _MOVED = 0.02, 0.005, 0.005
_NEAR_DAYS = 8
_SCHEMA = {n: t for n, t in CAPS.polars_schema.items() if n not in CAPS.stamps}


def market_caps(
    shares: pl.DataFrame,
    snapshots: pl.DataFrame,
    closes: pl.DataFrame,
    factors: pl.DataFrame,
    securities: pl.DataFrame,
) -> pl.DataFrame:
    """Every cap that was known, and whether it may be used.

    Args:
        shares: raw.shares.
        snapshots: raw.market_caps.
        closes: instrument_id, session, close, dollar_volume (NULL: unknown), quote, adjustment: as
            traded (none), or split. Counts are of shares as traded, so only the former price them.
        factors: catalog.adjustment_factors.
        securities: `securities.history`; without known_at: as it was all along.

    Returns:
        catalog.market_caps without stamps.
    """
    bars = closes.sort("session").with_columns(
        pl.col("dollar_volume").rolling_median(20, min_samples=1).over("instrument_id"),
    )
    counted = of_shares(shares, bars.filter(pl.col("adjustment") == "none"), factors)
    priced = _priced(snapshots, bars, factors)
    judged = _scoped(_judged(priced), securities)
    kept = _not_outdone(judged, counted)
    both = pl.concat([f.select(pl.col(n).cast(t) for n, t in _SCHEMA.items())
                      for f in (counted, kept)])  # fmt: skip
    return both.sort(CAPS.key)


def of_shares(shares: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """A cap per count: close x count on the last session when it became known (A1.2).

    Splits with ex-date in (measured_on, that session] are applied. `session` is the date that the
    count was measured on, so that its age is. A count that was known before the first close here is
    known as a cap with that close. A count that differs from the one known before by
    more than `MOST_CHANGE`, splits apart, is not trusted until the next one confirms it.
    """
    usable = shares.filter(pl.col("shares").is_finite() & (pl.col("shares") > 0))
    begun = bars.group_by("instrument_id").agg(first=pl.col("session").min())
    usable = usable.with_columns(day=PRICED_ON).join(begun, on="instrument_id")
    usable = usable.with_columns(early=pl.col("day") < pl.col("first"))
    placed = usable.with_columns(day=pl.max_horizontal("day", "first")).sort("day").join_asof(
        bars.select("instrument_id", "session", "close", "quote").sort("session"),
        left_on="day",
        right_on="session",
        by="instrument_id",
        strategy="backward",
        check_sortedness=False,
    )  # fmt: skip
    measured = _factor(placed, factors, "measured_on")
    priced = _factor(placed, factors, "session")
    # In shares of the newest basis a split moves nothing.
    rows = placed.with_columns(
        restated=pl.col("shares") * (priced / measured), steady=pl.col("shares") / measured
    ).sort("source_id", "instrument_id", "known_at", "measured_on")
    own = ["source_id", "instrument_id"]
    # An old count that is filed late says nothing of the next one.
    latest = rows.filter(pl.col("measured_on") == pl.col("measured_on").cum_max().over(own))
    step = (pl.col("steady") / pl.col("steady").shift() - 1).abs().over(own)
    bad = (step > MOST_CHANGE).fill_null(value=False)
    problem = pl.when(bad).then(
        pl.format("count moved by {} % without a split", (step * 100).round(1))
    )
    latest = latest.with_columns(bad=bad, problem=problem)
    closed = pl.col("first").cast(pl.Datetime("us")).dt.offset_by("16h")
    closed = closed.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC")
    latest = latest.with_columns(known_at=pl.when("early").then(closed).otherwise("known_at"))
    return latest.with_columns(
        origin=pl.lit("shares"),
        market_cap=pl.col("restated") * pl.col("close"),
        currency="quote",
        scope=pl.lit("line"),
        trusted=~pl.col("bad"),
        session="measured_on",
    ).unique(CAPS.key, keep="last", maintain_order=True)


def _factor(rows: pl.DataFrame, factors: pl.DataFrame, day: str) -> pl.Series:
    """1 / (product of split ratios after the day): shares x it... are shares of the newest basis.

    Shares multiply by the ratio where prices divide: restated = shares x f(session) / f(measured).
    """
    at = rows.select("instrument_id", session=pl.col(day), adjustment=pl.lit("none"))
    return factor_of(at, factors)


def _priced(snapshots: pl.DataFrame, bars: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """Snapshots with the close of their session (or the last within days), raw and adjusted."""
    adjusted = bars.with_columns(adj=pl.col("close") * factor_of(bars, factors))
    return (
        snapshots.sort("session")
        .join_asof(
            adjusted.select("instrument_id", bar="session", close="close", adj="adj",
                            dollar_volume="dollar_volume"),
            left_on="session",
            right_on="bar",
            by="instrument_id",
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(
            pl.when((pl.col("session") - pl.col("bar")).dt.total_days() <= _NEAR_DAYS)
            .then(pl.col(n))
            .alias(n)
            for n in ("close", "adj", "dollar_volume")
        )
        .sort("source_id", "instrument_id", "known_at")
    )  # fmt: skip


def _judged(priced: pl.DataFrame) -> pl.DataFrame:
    """Add trusted and problem, by what was known until then."""
    own = ["source_id", "instrument_id"]
    cap = pl.col("market_cap")
    usable = cap.is_finite() & (cap > 0)
    good = priced.filter(usable.fill_null(value=False))
    none = priced.filter(~usable.fill_null(value=False)).with_columns(
        problem=pl.lit("no cap above zero"), market_cap=cap.fill_null(0.0).fill_nan(0.0)
    )
    good = _with_old_files(good).with_columns(
        # Growth of cap over growth of price since the snapshot before: 0 but for issues and errors.
        drift=((cap / cap.shift()).log() - (pl.col("adj") / pl.col("adj").shift()).log().fill_null(
            0.0)).over(own).fill_null(0.0),
        same=((cap == cap.shift()) & ((pl.col("adj") / pl.col("adj").shift() - 1).abs() > _MOVED)
              ).over(own).fill_null(value=False),
    )  # fmt: skip
    # The level off that of the last trusted one, while it lasts fewer than CONFIRMED snapshots.
    good = good.with_columns(off=_off_level(good))
    problem = (
        pl.when(pl.col("dollar_volume") > TURNOVER * cap)
        .then(pl.lit(f"{UNIT} more than half of it would be traded on a day"))
        .when("old_file")
        .then(pl.lit("stale: the whole snapshot repeats the one before"))
        .when("off")
        .then(pl.lit("jump: more than 3x off the snapshot before, moved by the price"))
        .when("same")
        .then(pl.lit("stale: unchanged while the price moved"))
    )
    rows = pl.concat([good.with_columns(problem=problem), none], how="diagonal")
    return rows.with_columns(trusted=pl.col("problem").is_null(), origin=pl.lit("snapshot"))


def _with_old_files(good: pl.DataFrame) -> pl.DataFrame:
    own = ["source_id", "instrument_id"]
    before = good.with_columns(
        unchanged=(pl.col("market_cap") == pl.col("market_cap").shift()).over(own)
    )
    files = before.group_by("source_id", "known_at").agg(
        part=pl.col("unchanged").mean(), names=pl.col("unchanged").count()
    )
    old = files.filter(pl.col("part") >= REPEATED, pl.col("names") >= _REPEATED_NAMES)
    marked = old.select("source_id", "known_at", old_file=pl.lit(value=True))
    return before.join(
        marked, on=["source_id", "known_at"], how="left", maintain_order="left"
    ).with_columns(pl.col("old_file").fill_null(value=False))


def _off_level(good: pl.DataFrame) -> pl.Series:
    """True on snapshots off the trusted level; a loop over the names that ever jump."""
    jumps = pl.col("drift").abs() > math.log(JUMP)
    names = good.filter(jumps).select("source_id", "instrument_id").unique()
    marked = good.with_row_index("row")
    own = marked.join(names, on=["source_id", "instrument_id"], how="semi", maintain_order="left")
    off: list[int] = []
    for _, rows in own.group_by("source_id", "instrument_id", maintain_order=True):
        level, run = 0.0, 0
        for row, drift in rows.select("row", "drift").iter_rows():
            level += drift
            away = abs(level) > math.log(JUMP)
            run = run + 1 if away else 0
            if run >= CONFIRMED:
                level, run = 0.0, 0
            elif away:
                off.append(row)
            else:
                level = 0.0
    return pl.Series("off", marked["row"].is_in(off))


def _scoped(judged: pl.DataFrame, securities: pl.DataFrame) -> pl.DataFrame:
    """Add scope: lines of an issuer with one cap, or with one number of shares, carry it all.

    Whose line a name is, is what profiles said by the time of the snapshot.
    """
    lines = securities.filter(
        (pl.col("security_type") == "common").any().over("instrument_id"),
        pl.col("instrument_id").n_unique().over("issuer") > 1,
    ).select("instrument_id")
    rows = judged.filter("trusted").join(lines, on="instrument_id", how="semi")
    rows = _with_issuer(rows, securities)
    rows = rows.with_columns(implied=pl.col("market_cap") / pl.col("close"))
    key = ["source_id", "known_at", "issuer"]
    pairs = rows.select(*key, "instrument_id", "market_cap", "implied")
    pairs = pairs.join(pairs, on=key, suffix="_b").filter(
        pl.col("instrument_id") != pl.col("instrument_id_b"),
        ((pl.col("market_cap") / pl.col("market_cap_b") - 1).abs() <= _SAME_CAP)
        | ((pl.col("implied") / pl.col("implied_b") - 1).abs() <= _SAME_SHARES),
    )
    whole = pairs.select("source_id", "known_at", "instrument_id").unique()
    return judged.join(
        whole.with_columns(scope=pl.lit("issuer")),
        on=["source_id", "known_at", "instrument_id"],
        how="left",
    ).with_columns(pl.col("scope").fill_null("line"))


def _with_issuer(rows: pl.DataFrame, securities: pl.DataFrame) -> pl.DataFrame:
    """Add the issuer, as known at each row's known_at; rows of no common stock's line are left."""
    begun = pl.col("known_at").fill_null(pl.datetime(1, 1, 1, time_zone="UTC"))
    told = dated(securities).select(
        "instrument_id", "issuer", "security_type", known_at=begun.cast(pl.Datetime("us", "UTC"))
    )
    found = rows.sort("known_at").join_asof(
        told.sort("known_at"), on="known_at", by="instrument_id", check_sortedness=False
    )
    return found.filter(pl.col("security_type") == "common").drop_nulls("issuer")


def _not_outdone(judged: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Snapshots of names with a fresh count are not used: counts go first (A6)."""
    fresh = counted.filter("trusted").select(
        "instrument_id", since="known_at", measured=pl.col("session")
    )
    rows = judged.sort("known_at").join_asof(
        fresh.sort("since"),
        left_on="known_at",
        right_on="since",
        by="instrument_id",
        strategy="backward",
        check_sortedness=False,
    )
    age = (pl.col("session") - pl.col("measured")).dt.total_days()
    beaten = (age <= MAX_AGE_DAYS).fill_null(value=False) & pl.col("trusted")
    reason = pl.lit("a share count that was filed goes first")
    return rows.with_columns(
        trusted=pl.col("trusted") & ~beaten,
        problem=pl.when(beaten).then(reason).otherwise("problem"),
    )
