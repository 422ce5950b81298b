"""What funds hold in the end: sectors and countries, through the funds that they hold.

In: positions (catalog.holdings), sources, profiles of issuers. Out: rows of catalog.fund_exposures.
What a position is, is `positions.py`'s; how sectors are named, `segments.py`'s.
"""

from datetime import timedelta
from typing import Literal

import polars as pl

from fundplatform.finance.positions import newest
from fundplatform.finance.segments import CASH, UNKNOWN, countries, country_codes, sectors
from fundplatform.tables import EXPOSURES

VERSION = 2
DEEPEST = 4
"""Funds of funds of funds are opened so often; a fund that holds itself ends there too."""
_STALE = timedelta(days=100)
# Words of drop files and iShares, codes of Form N-PORT.
_CASH = r"(?i)cash|money market|futures|forward|^(stiv|ra|dco|dcr|de|dfe|dir|do)$"
_TOP = ("fund", "as_of")


def exposures(held: pl.DataFrame, sources: pl.DataFrame, profiles: pl.DataFrame) -> pl.DataFrame:
    """Weight by sector and by country of every fund on every day it reported, looked through.

    A position that is a fund with a complete report of the day or at most 100 days before counts as
    what that report holds, in proportion. A sector is the one the report states, else that of the
    newest other report of the security known by then (where there is none, of the first one later),
    else that of the issuer's profile where sources agree; a country likewise, at last the one that
    its ISIN begins with.

    Args:
        held: Columns of catalog.holdings.
        sources: catalog.sources.
        profiles: raw.profiles; may be empty.

    Returns:
        Columns of catalog.fund_exposures without stamps. The weights of a kind add up to the
        report's `weight_sum`.
    """
    each = newest(held, sources, per=("instrument_id", "as_of"))
    lines = held.join(each, on=each.columns, how="semi").filter(pl.col("weight").is_not_null())
    lines = _classified(lines, held, profiles)
    final = _expanded(lines)
    found = [
        final.group_by(*_TOP, name=kind).agg(
            pl.col("weight").sum(),
            through=pl.col("weight").filter(pl.col("depth") > 0).sum(),
            known_at=pl.col("known_at").max(),
        ).with_columns(kind=pl.lit(kind))
        for kind in ("sector", "country")
    ]  # fmt: skip
    rows = pl.concat(found).rename({"fund": "instrument_id"})
    schema = EXPOSURES.polars_schema
    own = [pl.col(n).cast(schema[n]) for n in EXPOSURES.column_names if n not in EXPOSURES.stamps]
    return rows.select(own).sort(EXPOSURES.key)


def _classified(lines: pl.DataFrame, held: pl.DataFrame, profiles: pl.DataFrame) -> pl.DataFrame:
    """The lines with one name for sector and country each."""
    cash = pl.col("asset_category").str.contains(_CASH).fill_null(False)
    isin = pl.col("isin").str.slice(0, 2)
    for kind, named in (("sector", sectors), ("country", countries)):
        words = pl.concat([held[kind], profiles[kind]]).drop_nulls().unique().to_list()
        name = pl.col(kind).replace_strict(dict(named(words)), return_dtype=pl.String())
        told = held.select("security", "known_at", "as_of", said=name).drop_nulls()
        told = told.sort("known_at", "as_of", "said").drop("as_of")
        filed = (
            profiles.select("instrument_id", filed=name).drop_nulls().unique()
            .filter(pl.len().over("instrument_id") == 1)
        )  # fmt: skip
        lines = (
            _told(_told(lines.with_columns(name.alias(kind)), told, "backward"), told, "forward")
            .join(filed, left_on="holding_id", right_on="instrument_id", how="left")
            .with_columns(pl.coalesce(kind, "backward", "forward", "filed").alias(kind))
            .drop("backward", "forward", "filed")
        )
    code = pl.when(isin.is_in(country_codes())).then(isin)
    return lines.with_columns(
        sector=pl.coalesce("sector", pl.when(cash).then(pl.lit(CASH)), pl.lit(UNKNOWN)),
        country=pl.coalesce("country", code, pl.lit(UNKNOWN)),
    )


def _told(
    lines: pl.DataFrame, told: pl.DataFrame, side: Literal["backward", "forward"]
) -> pl.DataFrame:
    """Add a column named like the side: what is said of the security at or nearest that side."""
    first = told.unique(["security", "known_at"], keep="last", maintain_order=True)
    return lines.sort("known_at", maintain_order=True).join_asof(
        first.rename({"said": side}), on="known_at", by="security", strategy=side,
        check_sortedness=False,
    )  # fmt: skip


def _expanded(lines: pl.DataFrame) -> pl.DataFrame:
    """fund, as_of, sector, country, weight, depth, known_at: funds held are opened."""
    inner = lines.filter("complete").select(
        "sector", "country", "weight_sum", "known_at", "as_of", "instrument_id", "holding_id",
        share="weight",
    )  # fmt: skip
    reports = inner.select(held_fund="instrument_id", held_on="as_of").unique().sort("held_on")
    todo = lines.select(
        "as_of", "sector", "country", "weight", "known_at", "holding_id", fund="instrument_id"
    ).with_columns(depth=pl.lit(0))
    done = []
    for _ in range(DEEPEST):
        todo = todo.sort("as_of").join_asof(
            reports, left_on="as_of", right_on="held_on", by_left="holding_id",
            by_right="held_fund", strategy="backward", tolerance=_STALE, coalesce=False,
            check_sortedness=False,
        )  # fmt: skip
        opens = pl.col("held_on").is_not_null() & (pl.col("holding_id") != pl.col("fund"))
        done.append(todo.filter(~opens.fill_null(False)))
        todo = _opened(todo.filter(opens), inner)
        if todo.is_empty():
            break
    done.append(todo)
    columns = ["fund", "as_of", "sector", "country", "weight", "known_at", "depth"]
    return pl.concat([part.select(columns) for part in done])


def _opened(todo: pl.DataFrame, inner: pl.DataFrame) -> pl.DataFrame:
    """The lines of the funds in `todo`, in the proportion that they are held."""
    outer = todo.select("fund", "as_of", "weight", "depth", "holding_id", "held_on", "known_at")
    return outer.join(
        inner, left_on=["holding_id", "held_on"], right_on=["instrument_id", "as_of"],
        suffix="_inner",
    ).select(
        "as_of", "sector", "country", "fund",
        weight=pl.col("weight") * pl.col("share") / pl.col("weight_sum"),
        known_at=pl.max_horizontal("known_at", "known_at_inner"),
        holding_id="holding_id_inner", depth=pl.col("depth") + 1,
    )  # fmt: skip
