"""A spun-off child that first trades days after the ex-date: no value is lost in daily runs.

By hand (methodology A2): 50 becomes 46 and half a share of KID, which trades two sessions later,
at 8: (46 + 0.5 x 8) / 50 = 1, so the level stays. Until then the ex-date is provisional.
"""

from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.payments import late_children
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline
from fundplatform_tests.test_stale import FIRST, LAST, SESSIONS, pipeline

EX, EVE = date(2024, 1, 9), date(2024, 1, 10)
INDEX = """
name: parent
title: The parent alone
universe: {asset_classes: [equity], markets: [US], symbols: [AAA]}
n: 1
rank_by: dollar_volume
window: 1
"""
CLOSES = [50.0] * 5 + [46.0] * 3


def prepare(settings: Settings, days: int) -> Pipeline:
    """The parent's bars of the first days, and the child's of the eighth."""
    rows = [bar(s, "AAA", c) for s, c in list(zip(SESSIONS, CLOSES, strict=True))[:days]]
    rows += [bar(s, "KID", 8.0) for s in SESSIONS[7:days]]
    (folder(settings, "mine", "start: 2024-01-02\n") / "bars.csv").write_text(table(rows))
    own = folder(settings, "acts", "kind: corporate_actions\nstart: 2024-01-02\n")
    text = "symbol,action,ex_date,ratio,other\nAAA,spin_off,2024-01-09,0.5,KID\n"
    (own / "actions.csv").write_text(text)
    settings.indices.mkdir(parents=True, exist_ok=True)
    (settings.indices / "parent.yaml").write_text(INDEX)
    return pipeline(settings)


def told(of: Pipeline) -> list[tuple[float | None, bool]]:
    """Return and provisional of the ex-date and what follows."""
    assert [o.errors for o in of.outcomes if o.errors] == []
    rows = of.store.read(tables.PERFORMANCE).filter(index_name="parent", return_basis="price")
    rows = rows.filter(pl.col("session") >= EX).sort("session")
    return [
        (None if r is None else round(r, 12), p)
        for r, p in rows.select("session_return", "provisional").iter_rows()
    ]


@pytest.mark.slow
def test_the_ex_date_is_provisional_until_the_child_trades(settings: Settings) -> None:
    daily = prepare(settings, 7)
    daily.backfill(FIRST, EVE)
    assert told(daily) == [(-0.08, True), (0.0, False)]
    notes = daily.store.read(tables.PERFORMANCE).filter(session=EX, index_name="parent")["note"]
    assert "what was spun off has no price yet and counts as nothing: of AAA" in notes[0]
    after = prepare(settings, 8)
    after.backfill(FIRST, LAST)
    after.backfill(FIRST, LAST)
    assert told(after) == [(0.0, False), (0.0, False), (0.0, False)]
    levels = after.store.read(tables.LEVELS).filter(index_name="parent", return_basis="price")
    assert levels["level"].to_list() == pytest.approx([1000.0] * 8, rel=1e-12)
    assert after.backfill(FIRST, LAST) == [], "nothing is due for ever"


def test_only_a_first_close_within_the_range_decides_an_earlier_day() -> None:
    names = pl.DataFrame(
        {"instrument_id": [1, 2], "asset_class": "equity", "market": "US", "symbol": ["AAA", "KID"],
         "quote": "USD"}
    ).cast({"instrument_id": pl.Int32})  # fmt: skip
    spun = pl.DataFrame(
        {"instrument_id": [1], "action": ["spin_off"], "ex_date": [EX], "amount": [None],
         "other_symbol": ["KID"]},
        schema_overrides={"instrument_id": pl.Int32, "amount": pl.Float64},
    )  # fmt: skip
    closes = pl.DataFrame({"instrument_id": [2, 2], "session": [EVE, LAST]}).cast(
        {"instrument_id": pl.Int32}
    )
    assert late_children(spun, names, closes, EVE, EVE) == {EX}
    assert late_children(spun, names, closes, EX, LAST) == frozenset(), "the range has the ex-date"
    assert late_children(spun, names, closes, LAST, LAST) == frozenset(), "no first close"
    stated = spun.with_columns(amount=pl.lit(4.0))
    assert late_children(stated, names, closes, EVE, EVE) == frozenset()
