"""The verdict on raw bars: every rule, the gate per source and session, which source is used.

In: raw.ohlcv rows with the columns of `CONTEXT`, joined by the caller. Out: the frames of
prices.validated, prices.rejected, ops.gates and ops.findings; no row is lost. The rules themselves
stand in `row.py`, `series.py`, `split_rules.py`, `cross.py`, `sessions.py`; the gate in `gate.py`.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform import packing
from fundplatform.errors import SchemaError
from fundplatform.finance.rules import cross, series, sessions
from fundplatform.finance.rules.catalog import BY_ID, RULES, RULES_VERSION
from fundplatform.finance.rules.found import Found, Released
from fundplatform.finance.rules.gate import gates_of
from fundplatform.finance.rules.limits import DEFAULTS, Limits
from fundplatform.finance.rules.overrides import (
    ACCEPTED,
    CORRECTED,
    EXCLUDED,
    Decided,
    decide,
    places,
)
from fundplatform.finance.rules.row import row_rules
from fundplatform.finance.rules.walk import ACTIONS, in_series, walked
from fundplatform.tables import BAR_KEY, FINDINGS, GATES, OHLCV, REJECTED, VALIDATED, Table

Masks = NDArray[np.uint32]

CONTEXT = pl.Schema(
    {
        "asset_class": pl.String(),
        "is_session": pl.Boolean(),
        "bar_close_at": pl.Datetime("us", "UTC"),
        "coverage_start": pl.Date(),
        "priority": pl.Int32(),
    }
)
"""What the caller joins to each bar: the instrument's class, whether `session` is one of the
calendar, when the bar closes (NULL where it is not), the source's first session (NULL: 1900) and
the source's priority (lower wins). Optional, for V12 and V15: `is_listed`, `session_number`."""

_REQUIRED = (*BAR_KEY, "session", "fetched_at", "is_session", "priority")
# Rows without a price of a session of their own are no part of a series.
_NO_PART = sum(BY_ID[r].bit for r in ("V01", "V02", "V03", "V09", "V10"))


@dataclass(frozen=True)
class Judged:
    """The outcome: frames in the columns of their tables, without the stamps."""

    validated: pl.DataFrame
    rejected: pl.DataFrame
    gates: pl.DataFrame
    findings: pl.DataFrame


@dataclass
class _Marks:
    """Masks of the rules that each row fails, and why where it is refused."""

    bad: Masks
    warned: Masks
    reasons: dict[str, dict[int, str]]

    def add(self, found: Iterable[Found]) -> None:
        for one in found:
            bit = np.uint32(BY_ID[one.rule].bit)
            if one.blocks:
                self.bad[one.rows] |= bit
                own = self.reasons.setdefault(one.rule, {})
                own.update(zip(one.rows.tolist(), one.reasons, strict=True))
            else:
                self.warned[one.rows] |= bit


def judge(
    bars: pl.DataFrame,
    *,
    window: tuple[date, date] | None = None,
    actions: pl.DataFrame | None = None,
    limits: Limits = DEFAULTS,
    overrides: pl.DataFrame | None = None,
) -> Judged:
    """Apply every rule and the gate.

    A session of a source is held when more than max(3 rows, 1 %) of its rows are rejected, a
    slice of at most 3 rows only when all are, and where V13 or V26 find an error; a released one
    is not. rows_raw = rows_rejected + rows_validated, or, when held, + the passing rows held back.
    `selected` marks, per (instrument, interval, quote, bar_open_at), the validated row of lowest
    (priority, source_id).

    Args:
        bars: raw.ohlcv columns (recorded_from and run_id not needed) and `CONTEXT`; all sources
            of the range together, whole sessions only.
        window: First and last session to judge; bars outside are looked at only as neighbours
            (`LOOKBACK_DAYS` before and `AHEAD_DAYS` after make the verdict final). None: all.
        actions: ACTIONS; without them no jump is explained.
        limits: The numbers to judge by, with instruments resolved.
        overrides: OVERRIDES in force.

    Returns:
        The frames, rows in the order of `bars`, gates by key. No rows in, no rows out.

    Raises:
        SchemaError: A column is missing, or a NULL stands in a key or context column that may
            not have one.
    """
    _require(bars)
    decided = decide(bars, overrides)
    bars = decided.bars.with_columns(_copies=packing.copies(decided.bars, BAR_KEY))
    limits = limits.among(bars["asset_class"].unique())
    # Two cores: what a line submits and what the next ones do need nothing of each other.
    with ThreadPoolExecutor(1) as beside:
        placed = beside.submit(in_series, bars)
        marks = _by_row(bars, limits)
        decided.forgiven(marks.bad)
        sound = (marks.bad == 0) & ~places(decided.excluded, bars.height)
        usable = ((marks.bad & np.uint32(_NO_PART)) == 0) & ~places(decided.excluded, bars.height)
        order, begins = placed.result()
        known = ACTIONS.to_frame() if actions is None else actions
        walk = walked(bars, order, begins, usable, sound, known)
        over_series = beside.submit(series.judge_series, walk, limits)
        gaps = sessions.gaps(bars, order, begins, limits)
        compared = cross.compared(bars, sound, limits)
        whole = pl.concat([sessions.row_counts(bars, limits), sessions.copies(walk, bars, limits)])
        found, released = over_series.result()
    marks.add([*found, gaps])
    marks.add(compared)
    decided.forgiven(marks.bad)
    return _outcome(bars, marks, decided, released, _within(whole, window), window)


def _require(bars: pl.DataFrame) -> None:
    wanted = (set(OHLCV.column_names) - set(OHLCV.stamps)) | {"fetched_at", *CONTEXT}
    if missing := sorted(wanted - set(bars.columns)):
        raise SchemaError(OHLCV.full_name, f"missing columns {missing}", "Join them before judge()")
    if nulls := [n for n in _REQUIRED if bars[n].null_count()]:
        raise SchemaError(OHLCV.full_name, f"NULL in {nulls}", "Fill them before judge()")


def _by_row(bars: pl.DataFrame, limits: Limits) -> _Marks:
    """The row rules."""
    rules = row_rules(limits, bars.columns)
    flags = bars.select(rule.fails.fill_null(False).alias(name) for name, rule in rules.items())
    marks = _Marks(np.zeros(bars.height, np.uint32), np.zeros(bars.height, np.uint32), {})
    for name, rule in rules.items():
        flag = flags[name]
        if not flag.any():
            continue
        target = marks.bad if BY_ID[name].blocks else marks.warned
        target |= flag.to_numpy().astype(np.uint32) * np.uint32(BY_ID[name].bit)
        if BY_ID[name].blocks:
            rows = flag.arg_true()
            why = bars[rows].select(rule.reason.alias("why"))["why"]
            marks.reasons[name] = dict(zip(rows.to_list(), why.to_list(), strict=True))
    return marks


def _within(frame: pl.DataFrame, window: tuple[date, date] | None) -> pl.DataFrame:
    return frame if window is None else frame.filter(pl.col("session").is_between(*window))


def _outcome(
    bars: pl.DataFrame,
    marks: _Marks,
    decided: Decided,
    released: Released,
    whole: pl.DataFrame,
    window: tuple[date, date] | None,
) -> Judged:
    excluded = places(decided.excluded, bars.height)
    judged = bars.with_columns(
        _row=pl.int_range(bars.height, dtype=pl.Int64),
        _bad=pl.Series((marks.bad != 0) | excluded),
    )
    if len(released.rows):
        lifted = pl.DataFrame(
            {"_row": released.rows, "_known": bars["bar_close_at"].gather(released.by)}
        )
        judged = judged.join(lifted, on="_row", how="left", maintain_order="left")
    judged = _within(judged, window)
    gates = gates_of(judged, whole, decided.released)
    held = gates.filter("held").select("source_id", "session")
    passing = judged.filter(~pl.col("_bad"))
    if not held.is_empty():
        passing = passing.join(held, on=held.columns, how="anti", maintain_order="left")
    return Judged(
        validated=_shape(VALIDATED, _validated(passing, marks, decided)),
        rejected=_shape(REJECTED, _rejected(judged.filter("_bad"), marks, decided)),
        gates=_shape(GATES, gates.sort(GATES.key)),
        findings=_shape(FINDINGS, whole.sort(FINDINGS.key)),
    )


def _ids(frame: pl.DataFrame, masks: Masks) -> pl.Series:
    """The ids of the rules that each row of the frame fails, in order; NULL where none."""
    own = pl.Series(masks[frame["_row"].to_numpy()])
    texts = {m: ",".join(r.id for r in RULES if m & r.bit) or None for m in own.unique().to_list()}
    if set(texts) <= {0}:
        return pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return own.replace_strict(list(texts), list(texts.values()), return_dtype=pl.String)


def _validated(passing: pl.DataFrame, marks: _Marks, decided: Decided) -> pl.DataFrame:
    known = "bar_close_at"
    if "_known" in passing.columns:
        passing = passing.with_columns(pl.max_horizontal("bar_close_at", "_known").alias(known))
    warnings = _ids(passing, marks.warned)
    passing = passing.with_columns(known_at=known, selected=_selected(passing), warnings=warnings)
    told = dict.fromkeys(decided.accepted, ACCEPTED)
    told |= dict.fromkeys(decided.corrected, CORRECTED)
    if not told:
        return passing
    told_of = pl.DataFrame(
        {"_row": list(told), "_told": list(told.values())},
        schema={"_row": pl.Int64, "_told": pl.String},
    )
    return passing.join(told_of, on="_row", how="left", maintain_order="left").with_columns(
        warnings=pl.when(pl.col("_told").is_null())
        .then("warnings")
        .otherwise(pl.concat_str("warnings", "_told", separator=",", ignore_nulls=True))
    )


def _selected(passing: pl.DataFrame) -> pl.Expr:
    """Which of several sources is used: V01 has left one row per bar and source."""
    order = pl.col("priority").cast(pl.Int64) * 2**16 + pl.col("source_id")
    alone = passing["source_id"].n_unique() < 2
    return pl.lit(True) if alone else order == order.min().over(BAR_KEY[1:])


def _rejected(failing: pl.DataFrame, marks: _Marks, decided: Decided) -> pl.DataFrame:
    rows = failing["_row"].to_list()
    ids = _ids(failing, marks.bad)
    rules, reasons = [], []
    for row, text in zip(rows, ids.to_list(), strict=True):
        own = text.split(",") if text else []
        why = [marks.reasons[rule][row] for rule in own]
        if row in decided.excluded:
            own, why = [*own, EXCLUDED], [*why, decided.excluded[row]]
        rules.append(",".join(own))
        reasons.append("; ".join(why))
    return failing.with_columns(
        rules=pl.Series(rules, dtype=pl.String),
        reason=pl.Series(reasons, dtype=pl.String),
        rules_version=pl.lit(RULES_VERSION),
    )


def _shape(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    own = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    return frame.select(pl.col(n).cast(t) for n, t in own.items())
