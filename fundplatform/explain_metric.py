"""What stands behind a metric: its base, its prices, what was paid, the payloads, the code.

As `explain.py` does it for an index. In: the published warehouse. Out: titled frames and lines.
"""

from datetime import date

import polars as pl

from fundplatform import explain_facts, explain_sums
from fundplatform.errors import WarehouseError
from fundplatform.explain import Explanation, code
from fundplatform.explain_payloads import verified
from fundplatform.finance import metrics
from fundplatform.settings import Settings
from fundplatform.storage.base import Store

_METRIC = """
select i.symbol, i.asset_class, i.market, i.quote, m.*
from funds.metrics m join catalog.instruments i using (instrument_id)
where i.symbol = ? and m.session = ? and m.frame = ? order by i.instrument_id, m.return_basis
"""


def explain_metric(
    store: Store, settings: Settings, symbol: str, session: date, frame: str
) -> Explanation:
    """All behind a metric: its base, its prices, what was paid, its payloads.

    Raises:
        WarehouseError: No such metric is stored.
    """
    rows = store.query(_METRIC, [symbol, session, frame])
    if rows.is_empty():
        raise WarehouseError(
            symbol,
            f"no metrics of frame {frame} are stored for {session}",
            "Older history is kept at month ends; frames are 1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL",
        )
    found = Explanation()
    found.add("Metric", rows)
    ids = rows["instrument_id"].unique(maintain_order=True).to_list()
    start = min((d for d in rows["base_session"].to_list() if d), default=session)
    every = explain_facts.bars(store, start, session, ids)
    priced, total = explain_facts.chosen(every), explain_facts.with_dividends(every)
    bars = pl.concat([priced, total]).sort("session", maintain_order=True)
    ends = pl.concat([bars.head(3), bars.tail(3)]).unique(maintain_order=True)
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
    again += [
        line
        for (own,), metric in rows.group_by("instrument_id", maintain_order=True)
        for line in explain_sums.of_metric(
            found.check, metric, priced.filter(pl.col("instrument_id") == own), store
        )
    ]
    found.add("Computed again", again)
    return found
