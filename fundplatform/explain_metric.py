"""What stands behind a metric: its base, its prices, what was paid, the payloads, the code.

As `explain.py` does it for an index. In: the published warehouse. Out: titled frames and lines.
"""

from datetime import date

import polars as pl

from fundplatform import explain_facts, explain_sums
from fundplatform.compare_data import instruments, meant
from fundplatform.errors import ConfigError
from fundplatform.explain import Explanation, code
from fundplatform.explain_payloads import verified
from fundplatform.finance import metrics
from fundplatform.finance.frames import FRAMES
from fundplatform.settings import Settings
from fundplatform.storage.base import Store

_WHERE = "explain metric"
_METRIC = """
select i.symbol, i.asset_class, i.market, i.quote, m.*
from funds.metrics m join catalog.instruments i using (instrument_id)
where m.instrument_id = ? and m.session = ? and m.frame = ? order by m.return_basis
"""
_NEAREST = """
select max(session) filter (where session < ?) as before,
       min(session) filter (where session > ?) as after
from funds.metrics where instrument_id = ? and frame = ?
"""
_LEVELS = """
select return_basis, session, level from indices.levels
where index_name = ? and session in (?, ?) order by session, return_basis
"""


def explain_metric(
    store: Store, settings: Settings, ticker: str, session: date, frame: str
) -> Explanation:
    """All behind a metric: its base, its prices or levels, what was paid, its payloads.

    Args:
        store: The warehouse, read as published.
        settings: Gives the archive and the drop folders.
        ticker: Symbol, `CLASS:SYMBOL`, or `#` and an instrument's number.
        session: The day that is evaluated.
        frame: One of `frames.FRAMES`.

    Raises:
        ConfigError: An unknown or ambiguous ticker, no such frame, or nothing is kept of this day.
    """
    if frame not in FRAMES:
        raise ConfigError(_WHERE, frame, "no such frame", f"Frames are {' '.join(FRAMES)}")
    own = meant(instruments(store), ticker, _WHERE)
    number = own["instrument_id"]
    rows = store.query(_METRIC, [number, session, frame])
    if rows.is_empty():
        near = store.query(_NEAREST, [session, session, number, frame]).row(0)
        raise _not_kept(ticker, session, [str(day) for day in near if day])
    found = Explanation()
    found.add("Metric", rows)
    ids = [int(rows["instrument_id"][0])]
    start = min((d for d in rows["base_session"].to_list() if d), default=session)
    every = explain_facts.bars(store, start, session, ids)
    priced, total = explain_facts.chosen(every), explain_facts.with_dividends(every)
    bars = pl.concat([priced, total]).sort("session", maintain_order=True)
    ends = pl.concat([bars.head(3), bars.tail(3)]).unique(maintain_order=True)
    levels = store.query(_LEVELS, [own["symbol"], start, session])
    if own["asset_class"] == "index":
        found.add("First and last levels", levels)
    found.add(
        "First and last prices",
        ends.drop("selected", "priority", "source_id", "loaded", "loaded_later"),
    )
    by_source = bars.group_by("symbol", "source", "adjustment").agg(
        prices=pl.len(), first=pl.col("session").min(), last=pl.col("session").max()
    )
    found.add("Prices by source", by_source.sort("symbol", "source", "adjustment"))
    actions = explain_facts.actions(store, start, session, ids)
    found.add("Corporate actions", actions)
    used = [(bars, "ohlcv"), (actions, "corporate_actions")]
    found.add("Payloads", verified(store, settings, used, found.check))
    found.add("Code", code(rows, f"metrics method {metrics.METHOD_VERSION}"))
    again = explain_sums.as_loaded(found.check, bars)
    if own["asset_class"] == "index":
        again += explain_sums.of_level_metric(found.check, rows, levels)
    else:
        again += explain_sums.of_metric(found.check, rows, priced, store)
    found.add("Computed again", again)
    return found


def _not_kept(ticker: str, session: date, near: list[str]) -> ConfigError:
    if not near:
        hint = "Backfill its prices, or the index: `fundplatform backfill`"
        return ConfigError(_WHERE, ticker, "no metrics of it are stored", hint)
    hint = f"The nearest are {' and '.join(near)}; of older years month ends are kept"
    return ConfigError(_WHERE, ticker, f"no metrics of {session} are kept", hint)
