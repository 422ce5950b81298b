"""Market cap snapshots behind the look-ahead firewall: from which session on each of them counts.

Carrying them by the price (`cap_panel.py`) and ranking do not belong here. In: cap snapshots, the
close and cutoff of each session. Out: snapshots on sessions, the state of sessions without caps,
and the snapshots in force per session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.result import barred_at

TOLD: dict[str, pl.Expr] = {
    "whole": pl.lit(value=False),
    "excluded_by": pl.lit("no_price"),
    "reason": pl.lit(None, pl.String),
}
"""Further columns of caps, and what they are where they are not given: whether the cap is the whole
issuer's, and why a name that has no rank is none: no_price, cap (not trusted), rule (universe)."""


@dataclass(frozen=True)
class Snapshots:
    """The usable snapshots, sorted by (instrument_id, use_pos), and the sessions they serve.

    Attributes:
        frame: instrument_id, symbol, market_cap, day (days since 1970 of the snapshot), use_pos
            (first session, not before the snapshot's own date, whose cutoff is not before
            known_at), price_pos (last session whose close is not after known_at; -1 before the
            first), and the columns of `TOLD`.
        days: Days since 1970 of every session.
        max_age: Days after which a snapshot is not used.
    """

    frame: pl.DataFrame
    days: npt.NDArray[np.int32]
    max_age: int

    def without(self, ids: Sequence[int]) -> "Snapshots":
        """Those of other instruments."""
        others = self.frame.filter(~pl.col("instrument_id").is_in(list(ids)))
        return Snapshots(others, self.days, self.max_age)


def snapshots(
    caps: pl.DataFrame | None, cutoffs: pl.DataFrame, sessions: Sequence[date], max_age: int
) -> Snapshots:
    """Place the snapshots on the index's sessions.

    Args:
        caps: instrument_id, symbol, known_at, session, market_cap, perhaps `TOLD`; every snapshot
            known so far, with or without prices. NULL, not finite, zero and negative are ignored.
            Of several snapshots first usable on one session the last known counts.
        cutoffs: session, close_at, cutoff (aware UTC) of every session.
        sessions: The index's sessions, ascending.
        max_age: Calendar days from a snapshot's session after which it is not used.

    Raises:
        SchemaError: A session has no close or cutoff.
    """
    clock = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).join(
        cutoffs.select("session", "close_at", "cutoff"), on="session", how="left"
    )
    clock = clock.sort("session")
    lacking = clock.filter(pl.any_horizontal(pl.col("close_at", "cutoff").is_null()))
    if lacking.height:
        raise SchemaError(
            "cutoffs",
            f"no close or cutoff for session {lacking['session'][0]}",
            "Pass one row (session, close_at, cutoff) for every session",
        )
    days = clock["session"].to_physical().to_numpy()
    if caps is None:
        return Snapshots(_placed(_NO_CAPS, clock), days, max_age)
    usable = pl.col("market_cap").is_finite() & (pl.col("market_cap") > 0)
    return Snapshots(_placed(caps.filter(usable), clock), days, max_age)


_NO_CAPS = pl.DataFrame(
    schema={
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "known_at": pl.Datetime("us", "UTC"),
        "session": pl.Date(),
        "market_cap": pl.Float64(),
    }
)


def _placed(caps: pl.DataFrame, clock: pl.DataFrame) -> pl.DataFrame:
    cutoff, close = (_instants(clock[name]) for name in ("cutoff", "close_at"))
    known = _instants(caps["known_at"])
    # A snapshot dated tomorrow may be known before today's cutoff (a market that never closes, a
    # date in another zone). It waits for its date: a session rests on no partition after its own.
    dated = np.searchsorted(_days(clock["session"]), _days(caps["session"]), "left")
    use = np.maximum(np.searchsorted(cutoff, known, "left"), dated)
    replaced = [pl.col(c) == pl.col(c).shift(-1) for c in ("instrument_id", "use_pos")]
    return (
        caps.select(
            "instrument_id",
            "symbol",
            "market_cap",
            "known_at",
            *(n if n in caps.columns else told.alias(n) for n, told in TOLD.items()),
            pl.col("session").to_physical().alias("day"),
            pl.Series("use_pos", use, dtype=pl.Int32),
            pl.Series("price_pos", np.searchsorted(close, known, "right") - 1, dtype=pl.Int32),
        )
        .filter(pl.col("use_pos") < clock.height)
        .sort("instrument_id", "use_pos", "known_at", "day", "market_cap")
        .filter(~pl.all_horizontal(replaced).fill_null(False))
        .drop("known_at")
    )


def _instants(values: pl.Series) -> Ints:
    return values.dt.epoch("us").to_numpy()


def _days(values: pl.Series) -> npt.NDArray[np.int32]:
    return values.to_physical().to_numpy()


def cap_states(known: Snapshots, barred: pl.DataFrame | None = None) -> list[str]:
    """Why a session has no composition: no_caps, stale_caps, or no_history (prices are missing).

    Args:
        known: Output of `snapshots`.
        barred: `result.BARRED`: the caps of a name that is kept out wait until it is in.
    """
    frame = known.frame.select("instrument_id", "use_pos", "day")
    if barred is not None and not barred.is_empty():
        numbered = frame.with_row_index()
        until = barred_at(numbered, barred, "use_pos").select("index", "end")
        frame = numbered.join(until, on="index", how="left").with_columns(
            use_pos=pl.coalesce("end", "use_pos")
        )
        frame = frame.filter(pl.col("use_pos") < known.days.size)
    newest = np.full(known.days.size, np.iinfo(np.int32).min, dtype=np.int64)
    np.maximum.at(newest, frame["use_pos"].to_numpy(), frame["day"].to_numpy())
    newest = np.maximum.accumulate(newest)
    none = newest == np.iinfo(np.int32).min
    stale = known.days - newest > known.max_age
    states = np.select([none, stale], ["no_caps", "stale_caps"], "no_history")
    return [str(state) for state in states]


def in_force(
    known: Snapshots,
    first: int,
    last: int,
    at_least: npt.NDArray[np.float64],
) -> pl.DataFrame:
    """The snapshot of every name on every session, where its cap reaches the session's floor.

    Args:
        known: Output of `snapshots`.
        first: First position.
        last: Last position.
        at_least: Lowest cap wanted, for each position from first to last.

    Returns:
        pos, instrument_id, symbol, measure (the snapshot's cap, not carried on), `TOLD`.
    """
    frame = known.frame
    until = pl.col("use_pos").shift(-1).over("instrument_id").fill_null(known.days.size) - 1
    fresh = np.searchsorted(known.days, frame["day"].to_numpy() + known.max_age, "right") - 1
    spans = (
        frame.with_columns(until.alias("until"), pl.Series("fresh", fresh, dtype=pl.Int32))
        .with_columns(
            pl.col("use_pos").clip(first).alias("from"),
            pl.min_horizontal("until", "fresh", pl.lit(last)).alias("to"),
        )
        .filter(
            pl.col("from") <= pl.col("to"),
            pl.col("market_cap") >= at_least.min(initial=np.inf),
        )
    )
    length = (spans["to"] - spans["from"] + 1).to_numpy()
    row = np.repeat(np.arange(spans.height), length)
    within = np.arange(row.size) - np.repeat(np.cumsum(length) - length, length)
    pos = spans["from"].to_numpy()[row] + within
    reaches = spans["market_cap"].to_numpy()[row] >= at_least[pos - first]
    served: pl.DataFrame = spans[row[reaches]]
    return served.select(
        pl.Series("pos", pos[reaches], dtype=pl.Int32),
        "instrument_id",
        "symbol",
        pl.col("market_cap").alias("measure"),
        *TOLD,
    )
