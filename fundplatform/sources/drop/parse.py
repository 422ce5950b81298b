"""One file's bytes -> rows, rejects and listings. Pure: no folder, no cache, no clock.

Every data row of the file comes out once: as a row or as a reject.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import polars as pl

from fundplatform.sources.base import Kind
from fundplatform.sources.drop import cells, duplicates
from fundplatform.sources.drop.cells import ROW, Table
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.files import Unreadable, unpacked
from fundplatform.sources.drop.layouts import columns_of, known_at_column, layout_of, roles
from fundplatform.sources.drop.rows import REFUSED, build, day_column, identities
from fundplatform.sources.drop.statements import STATEMENTS, read_statement
from fundplatform.sources.drop.typed import typed

REJECTS = pl.Schema({**REFUSED, "row": pl.String()})
"""Rejects of one file: REJECT_SCHEMA without the payload's hash."""
SPANS = pl.Schema(
    {
        "vendor_symbol": pl.String(),
        "name": pl.String(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
    }
)
"""When a vendor symbol has rows, one row per stretch."""

# 60 sessions: a longer silence may be another company under the same ticker.
LONGEST_GAP = timedelta(days=90)
# From so many rows on, a file of which not one can be read is misconfigured, not bad data.
_WHOLLY_WRONG = 10


@dataclass(frozen=True)
class Parsed:
    """What a file holds: rows (sorted by session), rejects (REJECTS), spans (SPANS), row count."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    spans: pl.DataFrame
    count: int


def parse(name: str, content: bytes, config: DropConfig) -> Parsed:
    """Read one file of a drop folder.

    Args:
        name: Its name; in some layouts it carries the symbol.
        content: Its bytes.
        config: The drop folder.

    Raises:
        Unreadable: Nothing in it can be used; the text says why and what to do.
    """
    rows: list[pl.DataFrame] = []
    rejects: list[pl.DataFrame] = []
    count = 0
    for member, text in unpacked(name, content, config.members):
        own_rows, own_rejects, own_count = _parse_table(member, text, config)
        shift = pl.col(ROW) + count
        rows.append(own_rows.with_columns(shift))
        rejects.append(own_rejects.with_columns(shift))
        count += own_count
    if not rows:
        raise Unreadable(_holds_nothing(config.members))
    every, key = keyed(pl.concat(rows), config)
    split = duplicates.within_file(every, key, ROW)
    gone = split.gone.with_columns(session=pl.col(day_column(config.kind)), row=as_json(split.gone))
    rejected = pl.concat([*rejects, gone.select(pl.col(n).cast(t) for n, t in REJECTS.items())])
    touched = gone.height or "who" in every.columns
    kept = in_order(split.kept.drop("who", strict=False), config.kind) if touched else split.kept
    return Parsed(kept, rejected.sort(ROW), spans(kept, config.kind), count)


def _holds_nothing(members: Sequence[str]) -> str:
    if members:
        return f"has no file like {', '.join(members)} in it. Correct members, or remove it"
    return "has no file in it. Fetch it again"


def in_order(rows: pl.DataFrame, kind: Kind, who: str = "vendor_symbol") -> pl.DataFrame:
    """The rows by day, symbol, and the rest of their key."""
    day = day_column(kind)
    # One whole number sorts five times as fast as a date and a text.
    names = pl.Enum(rows[who].unique().sort())
    place = pl.col(day).to_physical().cast(pl.Int64()) * max(len(names.categories), 1)
    place = place + pl.col(who).cast(names).to_physical().cast(pl.Int64())
    daily = kind == Kind.OHLCV and bool((rows["interval"] == "1d").all())
    rest = [] if daily else [n for n in _key(kind) if n not in (day, "vendor_symbol")]
    return rows.with_columns(_place=place).sort("_place", *rest, maintain_order=True).drop("_place")


def keyed(rows: pl.DataFrame, config: DropConfig) -> tuple[pl.DataFrame, list[str]]:
    """The rows sorted by the key that must be unique, and that key.

    It is the vendor's symbol, or a column `who` where two of them (BRK-B and BRK/B) mean one
    instrument.
    """
    meanings, _ = identities(rows["vendor_symbol"], config)
    key = _key(config.kind)
    if len(set(meanings.values())) < len(meanings):
        names = {vendor: f"{m.symbol}/{m.quote}" for vendor, m in meanings.items()}
        rows = rows.with_columns(who=pl.col("vendor_symbol").replace_strict(names))
        key = ["who", *key[1:]]
    return in_order(rows, config.kind, key[0]), key


def as_json(rows: pl.DataFrame) -> pl.Series:
    """Each row as JSON, by canonical column names."""
    skip = {ROW, "rule", "reason", "payload_hash", "fetched_at", "who", duplicates.FILE}
    shown = rows.select(pl.exclude(skip & set(rows.columns)))
    texts = [json.dumps(row, default=str) for row in shown.iter_rows(named=True)]
    return pl.Series("row", texts, pl.String())


def spans(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """When each vendor symbol has rows; bars break at a gap of more than LONGEST_GAP.

    Args:
        rows: Sorted by day.
        kind: Their kind.
    """
    day = pl.col(day_column(kind))
    if kind == Kind.HOLDINGS:
        # There, `name` is that of the position.
        rows = rows.with_columns(name=pl.lit(None, pl.String()))
    whole = rows.group_by("vendor_symbol").agg(
        name=pl.col("name").drop_nulls().last(),
        valid_from=day.min(),
        valid_to=day.max(),
        _gap=day.diff().max(),
    )
    broken = whole.filter(pl.col("_gap") > LONGEST_GAP)["vendor_symbol"]
    if kind != Kind.OHLCV or not len(broken):
        return whole.select(SPANS.names()).sort("vendor_symbol")
    parts = rows.filter(pl.col("vendor_symbol").is_in(broken.implode()))
    seen = parts.select("vendor_symbol", "name", valid_from=day, valid_to=day)
    whole = whole.filter(~pl.col("vendor_symbol").is_in(broken.implode()))
    return joined(pl.concat([whole.select(SPANS.names()), seen]), kind)


def joined(parts: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Spans made of overlapping or adjoining spans (SPANS in, SPANS out, sorted)."""
    parts = parts.sort("vendor_symbol", "valid_from")
    begins = pl.col("vendor_symbol") != pl.col("vendor_symbol").shift()
    if kind == Kind.OHLCV:
        reached = pl.col("valid_to").cum_max().over("vendor_symbol").shift()
        begins = begins | (pl.col("valid_from") - reached > LONGEST_GAP)
    return (
        parts.with_columns(_stretch=begins.fill_null(True).cum_sum())
        .group_by("_stretch", maintain_order=True)
        .agg(
            pl.col("vendor_symbol").first(),
            pl.col("name").drop_nulls().last(),
            pl.col("valid_from").min(),
            pl.col("valid_to").max(),
        )
        .select(pl.col(n).cast(t) for n, t in SPANS.items())
    )


def _parse_table(
    name: str, content: bytes, config: DropConfig
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    layout = layout_of(name, config)
    scalars = config.decimal == "." and not config.null_values
    if config.layout in STATEMENTS:
        table = read_statement(config.layout, name, content)
    elif content.startswith(b"PAR1"):
        table = cells.read_parquet(content)
    else:
        wanted = _number_names(config) if scalars else frozenset()
        table = cells.read_delimited(content, layout.form, lambda n: n.lower() in wanted)
    names = [n for n in table.frame.columns if n != ROW]
    mapping = columns_of(names, config)
    at = known_at_column(names, config)
    if at:
        mapping["known_at"] = at
        zone = config.known_at.zone if config.known_at else layout.style.time_zone
        layout = replace(layout, style=replace(layout.style, time_zone=zone))
    frame = typed(table.frame, mapping, roles(config), layout.style)
    if layout.symbol is not None:
        frame = frame.with_columns(symbol=pl.lit(layout.symbol))
    built = build(frame, config, layout.interval)
    rejects = pl.concat([_broken(table), built.refused])
    _check_sense(rejects, table)
    return built.rows, _with_originals(rejects, table), table.count


def _key(kind: Kind) -> list[str]:
    names = [n for n in kind.table.key if n not in ("source_id", "instrument_id")]
    return ["vendor_symbol", *names]


def _number_names(config: DropConfig) -> frozenset[str]:
    """Lower-case names under which numbers may stand, so that polars reads them at once."""
    meant = roles(config)
    mapped = [c for n, c in config.columns.items() if meant[n] in ("number", "whole")]
    text = {c.lower() for n, c in config.columns.items() if meant[n] not in ("number", "whole")}
    usual = [n for n, role in meant.items() if role in ("number", "whole")]
    if config.layout in ("kraken_ohlcvt", "kraken_trades"):
        usual = [str(n) for n in range(1, 8)]
    return frozenset(n.lower() for n in (*mapped, *usual)) - text


def _broken(table: Table) -> pl.DataFrame:
    numbers, reasons = [n for n, _ in table.broken], [why for _, why in table.broken]
    frame = pl.DataFrame({ROW: numbers, "reason": reasons}, schema_overrides=REFUSED)
    frame = frame.with_columns(session=None, vendor_symbol=None, rule=pl.lit("unparseable"))
    return frame.select(pl.col(n).cast(t) for n, t in REFUSED.items())


def _check_sense(rejects: pl.DataFrame, table: Table) -> None:
    lost = rejects.filter(pl.col("rule") != "outside_coverage").height
    if table.count >= _WHOLLY_WRONG and lost == table.count:
        raise Unreadable(f"has no row that can be read; the first: {rejects['reason'][0]}")


def _with_originals(rejects: pl.DataFrame, table: Table) -> pl.DataFrame:
    numbers: Sequence[int] = rejects[ROW].to_list()
    texts = table.original(numbers) if numbers else []
    return rejects.with_columns(pl.Series("row", texts, pl.String()))
