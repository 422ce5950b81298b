"""Where an index asks what profiles say, and hardly any were known yet: said, not passed over.

A profile counts from its fetch on, so sessions before the first one have an empty index by sector.
Who is in a universe does not belong here (`membership.py`). In: profiles and bars. Out: a note per
session, and what to write about it.
"""

from datetime import date
from typing import Any

import polars as pl

from fundplatform.assets.describe import noted_sessions
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.finance.profile_history import dated, newest

_FEW = 0.1

NO_PROFILES = "in a profile known by the cutoff"
"""How the note of a session without profiles is told from others."""

REMEDY = (
    "profiles count from their fetch on. Write `profiles: latest` below `universe:` of the index's "
    "YAML to let the newest ones decide all sessions (knowledge of later); where none are here at "
    "all, fetch a source that has them (docs/indices.md)"
)


def lacking(
    definition: IndexDefinition,
    instruments: pl.DataFrame,
    profiles: pl.DataFrame | None,
    bars: pl.DataFrame,
    closes: pl.DataFrame,
    first: date,
    last: date,
) -> pl.DataFrame:
    """The sessions on which fewer than a tenth of the names had what the definition filters by.

    Args:
        definition: The index; one without `sectors` and `countries` lacks nothing.
        instruments: catalog.instruments.
        profiles: `profile_history.as_known`; without known_at: as it was all along.
        bars: session, instrument_id of daily bars, of any names.
        closes: session, cutoff, ascending.
        first: First session wanted.
        last: Last session wanted.

    Returns:
        session, lacks: how many of the names with a bar on the session, in words.
    """
    u = definition.universe
    asked = [n for n, wanted in (("sector", u.sectors), ("country", u.countries)) if wanted]
    if not asked:
        return pl.DataFrame(schema={"session": pl.Date, "lacks": pl.String})
    base = u.select(instruments).select("instrument_id")
    within = pl.col("session").is_between(first, last)
    own = bars.filter(within).select("session", "instrument_id").join(base, on="instrument_id")
    begins = _begins(profiles, asked, u.profiles == "latest", closes)
    told = own.join(begins, on="instrument_id", how="left").group_by("session").agg(
        names=pl.len(), known=(pl.col("begins") <= pl.col("session")).sum()
    )  # fmt: skip
    text = pl.format(
        f"{{}} of {{}} names with a price have no {' and '.join(asked)} {NO_PROFILES}",
        pl.col("names") - pl.col("known"), "names",
    )  # fmt: skip
    few = told.filter(pl.col("known") < pl.col("names") * _FEW)
    return few.select("session", lacks=text).sort("session")


def _begins(
    profiles: pl.DataFrame | None, asked: list[str], latest: bool, closes: pl.DataFrame
) -> pl.DataFrame:
    """instrument_id, begins: the first session on which all that is asked was known."""
    schema = {"instrument_id": pl.Int32, "begins": pl.Date}
    if profiles is None or profiles.is_empty():
        return pl.DataFrame(schema=schema)
    said = (newest(profiles) if latest else dated(profiles)).drop_nulls(asked)
    known = said.group_by("instrument_id").agg(
        known_at=pl.when(pl.col("known_at").is_null().any()).then(None).otherwise(
            pl.col("known_at").min())
    )  # fmt: skip
    at = closes["cutoff"].dt.epoch("us").search_sorted(
        known["known_at"].dt.epoch("us").fill_null(0), side="left"
    )  # fmt: skip
    begins = closes["session"].gather(at.clip(0, closes.height - 1))
    found = known.with_columns(begins.alias("begins")).filter(at < closes.height)
    return found.select(pl.col(n).cast(t) for n, t in schema.items())


def noted(performance: pl.DataFrame, lacks: pl.DataFrame) -> pl.DataFrame:
    """indices.performance with what `lacking` found said in each session's note, first."""
    if lacks.is_empty():
        return performance
    rows = performance.join(lacks, on="session", how="left", maintain_order="left")
    note = pl.concat_str("lacks", "note", separator="; ", ignore_nulls=True)
    said = pl.when(pl.col("lacks").is_null()).then("note").otherwise(note)
    return rows.with_columns(note=said).select(performance.columns)


def unprofiled(performance: pl.DataFrame) -> dict[str, Any]:
    """Metadata of the sessions that `noted` told of, and what to do; empty where there are none."""
    told = noted_sessions(performance, NO_PROFILES, "without profiles")
    return {**told, "what to do": REMEDY} if told else {}
