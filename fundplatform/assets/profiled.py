"""Where an index asks what profiles say, and hardly any were known yet: said, not passed over.

A profile counts from its fetch on, so sessions before the first one have an empty index by sector.
Who is in a universe does not belong here (`membership.py`). In: profiles and bars. Out: a note per
session, and what to write about it.
"""

from datetime import date
from typing import Any

import polars as pl

from fundplatform.assets.describe import noted_sessions
from fundplatform.assets.membership import placed
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
    span: tuple[date, date],
    allowed: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The sessions on which fewer than a tenth of the names had what the definition filters by.

    Args:
        definition: The index; one without `sectors` and `countries` lacks nothing.
        instruments: catalog.instruments.
        profiles: `profile_history.as_known`; without known_at: as it was all along.
        bars: session, instrument_id of daily bars, of any names.
        closes: session, cutoff, ascending.
        span: First and last session wanted.
        allowed: session, instrument_id that the filters by tier and parent let through; None: all.

    Returns:
        session, lacks: how many of the names with a bar on the session, in words.
    """
    asked = asks(definition)
    if not asked:
        return pl.DataFrame(schema={"session": pl.Date, "lacks": pl.String})
    base = definition.universe.select(instruments).select("instrument_id")
    within = pl.col("session").is_between(*span)
    own = bars.filter(within).select("session", "instrument_id").join(base, on="instrument_id")
    if allowed is not None:
        own = own.join(allowed, on=["session", "instrument_id"], how="semi")
    said = _said(profiles, asked, definition.universe.profiles == "latest", closes)
    told = own.sort("session").join_asof(
        said, on="session", by="instrument_id", check_sortedness=False
    ).group_by("session").agg(
        names=pl.len(), known=pl.col("known").fill_null(value=False).sum()
    )  # fmt: skip
    text = pl.format(
        f"{{}} of {{}} names with a price have no {' and '.join(asked)} {NO_PROFILES}",
        pl.col("names") - pl.col("known"), "names",
    )  # fmt: skip
    few = told.filter(pl.col("known") < pl.col("names") * _FEW)
    return few.select("session", lacks=text).sort("session")


def asks(definition: IndexDefinition) -> list[str]:
    """The columns of profiles that the definition filters by."""
    u = definition.universe
    return [n for n, wanted in (("sector", u.sectors), ("country", u.countries)) if wanted]


def _said(
    profiles: pl.DataFrame | None, asked: list[str], latest: bool, closes: pl.DataFrame
) -> pl.DataFrame:
    """session, instrument_id, known: from the session on, whether all that is asked is said.

    Each of what is asked by any source, as `membership` judges it.
    """
    schema = {"session": pl.Date, "instrument_id": pl.Int32, "known": pl.Boolean}
    if profiles is None or profiles.is_empty():
        return pl.DataFrame(schema=schema)
    of = newest(profiles) if latest else dated(profiles)
    known = pl.all_horizontal(pl.col(n).is_not_null().any() for n in asked)
    said = placed(of.group_by("instrument_id", "known_at").agg(known=known), closes)
    begun = said.filter(pl.col("first") < closes.height)
    begins = closes["session"].gather(begun["first"])
    found = begun.with_columns(begins.alias("session")).sort("session")
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
