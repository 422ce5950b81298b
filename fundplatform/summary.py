"""What the warehouse holds, as tables for the terminal. Reads the published copy; computes little.

`cli.py` prints these; the numbers are the warehouse's own.
"""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl
from rich.table import Table as RichTable

from fundplatform import calendars
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.base import Store
from fundplatform.tables import TABLES, Table

_ROWS = """
select s.name as source, s.calendar, s.coverage_start, s.coverage_end, s.source_id,
       count(r.session) as rows, count(distinct r.session) as sessions,
       min(r.session) as first_session, max(r.session) as last_session
from catalog.sources s left join raw.ohlcv r on r.source_id = s.source_id
where r.source_id is not null or s.source_id in (select source_id from raw.rejected)
group by s.name, s.calendar, s.coverage_start, s.coverage_end, s.source_id order by s.name
"""
_EXPECTED = """
select l.source_id, l.vendor_symbol, l.valid_from, l.valid_to, count(distinct r.session) as present
from catalog.listings l
join catalog.tracked t using (source_id, vendor_symbol)
join raw.ohlcv r on r.source_id = l.source_id and r.instrument_id = l.instrument_id
  and r.interval = '1d' and r.session between l.valid_from and l.valid_to
group by l.source_id, l.vendor_symbol, l.valid_from, l.valid_to
"""


def status(store: Store) -> pl.DataFrame:
    """Per source with bars or rejects: rows, sessions, last session, missing, rejected, held.

    `missing` counts sessions that a tracked listing should have, between the first and last
    session loaded of the source, and has not.
    """
    rows = store.query(_ROWS)
    counts = {
        name: dict(store.query(sql).iter_rows())
        for name, sql in {
            "rejected": "select source_id, count(*) from prices.rejected group by 1",
            "rejected_at_load": "select source_id, count(*) from raw.rejected group by 1",
            "held_sessions": "select source_id, count(*) from ops.gates where held group by 1",
        }.items()
    }
    listed = store.query(_EXPECTED)
    missing = [
        _missing(listed.filter(pl.col("source_id") == r["source_id"]), r)
        for r in rows.iter_rows(named=True)
    ]
    ids = rows["source_id"].to_list()
    return rows.with_columns(
        pl.Series("missing", missing, dtype=pl.Int64),
        *(pl.Series(n, [c.get(i, 0) for i in ids], dtype=pl.Int64) for n, c in counts.items()),
    ).drop("source_id")


def status_table(store: Store) -> RichTable:
    """`status` with headers that fit a terminal."""
    shown = status(store).drop("coverage_start", "coverage_end")
    short = {
        "first_session": "first",
        "last_session": "last",
        "rejected_at_load": "at_load",
        "held_sessions": "held",
    }
    return frame_table(shown.rename(short))


def _missing(listed: pl.DataFrame, source: dict[str, object]) -> int:
    first, last = source["first_session"], source["last_session"]
    if not isinstance(first, date) or not isinstance(last, date):
        return 0
    sessions = pl.Series(calendars.get(str(source["calendar"])).sessions(first, last))
    inside = listed.with_columns(
        begin=pl.col("valid_from").clip(lower_bound=first),
        end=pl.col("valid_to").clip(upper_bound=last),
    ).filter(pl.col("begin") <= pl.col("end"))
    expected = sessions.search_sorted(inside["end"], side="right").cast(pl.Int64) - (
        sessions.search_sorted(inside["begin"], side="left").cast(pl.Int64)
    )
    return int((expected - inside["present"]).clip(lower_bound=0).sum())


def sources_table(sources: Iterable[Source]) -> RichTable:
    """The registered sources and what they declare."""
    table = _table("source", "kind", "calendar", "first", "last", "basis", "title")
    for source in sources:
        for number, (kind, coverage) in enumerate(source.spec.kinds.items()):
            table.add_row(
                source.spec.name,
                str(kind),
                coverage.calendar,
                str(coverage.start),
                str(coverage.end or "grows"),
                source.spec.adjustment if kind == Kind.OHLCV else "",
                source.spec.title if number == 0 else "",
            )
    return table


def frame_table(frame: pl.DataFrame, title: str | None = None) -> RichTable:
    """A small frame as a terminal table; numbers right-aligned and whole; an empty one says so."""
    if frame.is_empty():
        return _table(title=f"{title}: nothing" if title else "nothing")
    table = _table(title=title)
    for name, kind in frame.schema.items():
        number = kind.is_numeric()
        table.add_column(name, justify="right" if number else "left", no_wrap=number)
    for row in frame.iter_rows():
        table.add_row(*(_cell(v) for v in row))
    return table


def _table(*columns: str, title: str | None = None) -> RichTable:
    table = RichTable(*columns, title=title, title_justify="left", box=None, pad_edge=False)
    table.title_style = "bold"
    return table


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def results(store: Store) -> Sequence[tuple[str, pl.DataFrame]]:
    """The sections of the demo's closing page: title and frame."""
    # Sorted here: a server sorts the names of tables by its locale.
    counted = ("Rows and sessions by table", store.query(_rows_by_table()).sort("table"))
    return [counted, *((title, store.query(sql)) for title, sql in _SECTIONS)]


def _counted(table: Table) -> str:
    day = table.partition
    span = f"count(distinct {day}), min({day}), max({day})" if day else "null, null, null"
    # Names come from tables.py only.
    return f"select '{table.full_name}', count(*), {span} from {table.full_name}"  # noqa: S608


def _rows_by_table() -> str:
    counted = " union all ".join(_counted(t) for t in TABLES if t.schema != "ops")
    columns = '"table", rows, sessions, first, last'
    return f"select * from ({counted}) as t ({columns}) where rows > 0"  # noqa: S608


_SECTIONS = (
    (
        "Index levels, last session",
        """
        select index_name, session, level, drawdown, session_return, n, turnover
        from (
          select l.index_name, l.session, l.level, l.drawdown, p.session_return,
                 p.n_constituents as n, p.turnover,
                 row_number() over (
                   partition by l.index_name order by l.session desc, l.return_basis) as nth
          from indices.levels l
          join indices.performance p using (index_name, session, return_basis)
        ) as ranked
        where nth = 1 order by index_name
        """,
    ),
    (
        "Index sessions by state",
        """
        select index_name, state, count(*) as sessions, min(session) as first, max(session) as last,
               count(*) filter (where provisional) as provisional
        from indices.performance group by index_name, state order by 1, 4, 2
        """,
    ),
    (
        "Last change in constituents",
        """
        select c.index_name, c.session, i.symbol, c.change, c.rank_before as "rank from",
               c.rank_after as "rank to", c.weight_before as "weight from",
               c.weight_after as "weight to"
        from indices.composition_changes c join catalog.instruments i using (instrument_id)
        where c.session = (
          select max(l.session) from indices.composition_changes l
          where l.index_name = c.index_name)
        order by c.index_name, c.change, i.symbol limit 20
        """,
    ),
    (
        "Metrics at the last session stored: price return, decimals, annual risk-free rate rf",
        """
        select i.symbol, m.session, m.frame, m.total_return as total, m.annualized_return as annual,
               m.volatility, m.sharpe, m.sortino, m.max_drawdown as drawdown,
               m.risk_free_rate as rf, m.reason
        from funds.metrics m join catalog.instruments i using (instrument_id)
        where m.frame in ('1Y', '5Y', 'ALL') and m.return_basis = 'price'
          and m.session = (select max(session) from funds.metrics)
        order by i.symbol, m.frame limit 24
        """,
    ),
    (
        "Rejected, by rule",
        """
        select s.name as source, 'load' as stage, r.rule as rules, count(*) as rows,
               min(r.reason) as example
        from raw.rejected r join catalog.sources s using (source_id) group by s.name, r.rule
        union all
        select s.name, 'validation', p.rules, count(*), min(p.reason)
        from prices.rejected p join catalog.sources s using (source_id) group by s.name, p.rules
        order by 1, 2, 3
        """,
    ),
)
