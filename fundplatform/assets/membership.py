"""Who is in an index's universe at which time, by what profiles said by then.

Filters that need no profile (class, market, symbols) are the definition's own; tiers and parents
are cut by session in `index_inputs.py`. In: profiles and securities as of each change. Out: a
verdict per name and moment, and the spans of sessions in which a name is kept out.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from fundplatform.finance.index.lines import EVER
from fundplatform.finance.index.result import BARRED, barred_at
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.finance.profile_history import NEVER, dated
from fundplatform.finance.securities import why_not_us_common

_FITS, _OTHER = "", "of another sector or country"
_AT = ["instrument_id", "known_at"]


def membership(
    definition: IndexDefinition,
    instruments: pl.DataFrame,
    profiles: pl.DataFrame | None,
    securities: pl.DataFrame | None,
) -> pl.DataFrame:
    """Whether each name of the universe is in it, from each moment on at which that may change.

    Args:
        definition: The index.
        instruments: catalog.instruments.
        profiles: `profile_history.as_known`; without known_at: as it was all along.
        securities: `securities.history`; without known_at likewise. What it does not know stays.

    Returns:
        instrument_id, known_at (NULL: before anything was known), inside, reason (why the rule of
        securities keeps it out; NULL where it does not), by instrument and time.
    """
    u = definition.universe
    base = u.select(instruments).select("instrument_id", known_at=NEVER)
    verdicts = {}
    if u.securities is not None and securities is not None:
        why = dated(securities).select(*_AT, verdict=why_not_us_common().fill_null(_FITS))
        verdicts["rule"] = (why, _FITS)
    for column, wanted in (("sector", u.sectors), ("country", u.countries)):
        if wanted:
            # Of several sources, any that says so.
            fits = pl.col(column).is_in(wanted).any()
            said = base.clear() if profiles is None else dated(profiles)
            said = said.with_columns(pl.lit(None).alias(column)) if profiles is None else said
            found = said.group_by(_AT).agg(verdict=pl.when(fits).then(pl.lit(_FITS)).otherwise(
                pl.lit(_OTHER)))  # fmt: skip
            verdicts[column] = (found, _OTHER)
    return _joined(base, verdicts)


def _joined(base: pl.DataFrame, verdicts: dict[str, tuple[pl.DataFrame, str]]) -> pl.DataFrame:
    """Each verdict lasts until the same filter's next; `inside` where all of them fit."""
    parts = [found.select(_AT) for found, _ in verdicts.values()]
    moments = pl.concat([base, *parts]).unique().join(base, on="instrument_id", how="semi")
    rows = moments.sort(*_AT, nulls_last=False)
    for name, (found, unknown) in verdicts.items():
        own = found.rename({"verdict": name})
        rows = rows.join(own, on=_AT, how="left", nulls_equal=True, maintain_order="left")
        said = pl.col(name).forward_fill().over("instrument_id")
        rows = rows.with_columns(said.fill_null(unknown))
    fits = {name: pl.col(name) == _FITS for name in verdicts}
    others = pl.all_horizontal(pl.lit(value=True), *(f for n, f in fits.items() if n != "rule"))
    ruled = ~fits.get("rule", pl.lit(value=True))
    return rows.select(
        *_AT,
        inside=others & ~ruled,
        reason=pl.when(others & ruled).then(pl.col("rule") if "rule" in fits else pl.lit("")),
    )


def kept_out(found: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """BARRED: the spans of sessions in which a name that is in at other times is kept out.

    Args:
        found: Output of `membership`.
        closes: cutoff of every session, ascending: what is known by then decides the session.
    """
    several = found.filter(pl.col("inside").any().over("instrument_id"))
    several = several.filter(~pl.col("inside").all().over("instrument_id"))
    out = placed(several, closes).filter(~pl.col("inside"))
    return out.select(BARRED.names())


def inside(rows: pl.DataFrame, barred: pl.DataFrame, sessions: Sequence[date]) -> pl.DataFrame:
    """`rows` (session, instrument_id) without those of names that are kept out on the session."""
    days = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).with_row_index("pos")
    out = barred_at(rows.select("session", "instrument_id").join(days, on="session"), barred)
    return rows.join(out, on=["session", "instrument_id"], how="anti", maintain_order="left")


def placed(rows: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """`rows` (instrument_id, known_at) with first and end, the positions in which each counts.

    Each counts until the next one of its name; what the next one replaces on the same session goes.
    The last counts up to any position: `lines.EVER`.
    """
    told = dated(rows).sort(_AT, nulls_last=False)
    known = told["known_at"].dt.epoch("us").fill_null(0)
    at = closes["cutoff"].dt.epoch("us").search_sorted(known, side="left")
    own = told.with_columns(pl.Series("first", at, dtype=pl.Int32))
    following = pl.col("first").shift(-1).over("instrument_id")
    last = pl.lit(EVER, pl.Int32)
    return own.with_columns(end=following.fill_null(last)).filter(pl.col("first") < pl.col("end"))
