"""Dividends through the whole pipeline: any order of fetching, and a late one, end the same."""

from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline
from fundplatform_tests.test_stale import FIRST, LAST, SESSIONS, pipeline

EX = "2024-01-09"
ACTIONS = (
    "symbol,action,ex_date,ratio,amount,other\n"
    "AAA,split,2024-01-08,2,,\n"
    "AAA,dividend,2024-01-09,,1,\n"
    "AAA,spin_off,2024-01-10,0.5,,KID\n"
)
# As traded: 100, a 2:1 split, 1 paid on 50, then half a share of KID at 8 on 49.
CLOSES = [100.0] * 4 + [50.0, 49.0, 45.0, 45.0]


def bars(settings: Settings) -> None:
    rows = [bar(s, "AAA", c) for s, c in zip(SESSIONS, CLOSES, strict=True)]
    rows += [bar(s, "KID", 8.0) for s in SESSIONS[6:]]
    own = folder(settings, "mine", "start: 2024-01-02\nend: 2024-01-11\n")
    (own / "bars.csv").write_text(table(rows))


def actions(settings: Settings, text: str = ACTIONS) -> None:
    own = folder(settings, "acts", "kind: corporate_actions\nstart: 2024-01-02\n")
    (own / "actions.csv").write_text(text)


def total_closes(of: Pipeline) -> list[float]:
    frame = of.store.query(
        "SELECT total_return_close FROM marts.total_return WHERE symbol = 'AAA' ORDER BY session"
    )
    return frame["total_return_close"].to_list()


def check(of: Pipeline) -> None:
    """Every return is 0: 50 x 2 / 100, (49 + 1) / 50, (45 + 0.5 x 8) / 49."""
    assert [o.errors for o in of.outcomes if o.errors] == []
    assert total_closes(of) == pytest.approx([45.0] * 8, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("first", [bars, actions])
def test_any_order_of_fetching_gives_the_same_series(settings: Settings, first: object) -> None:
    second = actions if first is bars else bars
    for step in (first, second):
        step(settings)  # type: ignore[operator]
        made = pipeline(settings)
        made.backfill(FIRST, LAST)
    check(made)
    raw = made.store.read(tables.OHLCV).filter(pl.col("close") == 100.0)
    assert raw.height == 4, "no raw row changes"
    assert made.backfill(FIRST, LAST) == []


@pytest.mark.slow
def test_a_late_dividend_computes_only_what_it_touches(settings: Settings) -> None:
    bars(settings)
    early = [line for line in ACTIONS.splitlines() if EX not in line]
    actions(settings, "\n".join(early) + "\n")
    before = pipeline(settings)
    before.backfill(FIRST, LAST)
    assert total_closes(before)[0] == pytest.approx(45.0 * 50 / 49)
    actions(settings)
    after = pipeline(settings)
    chunks = after.backfill(FIRST, LAST)
    check(after)
    (chain,) = [c for c in chunks if c.label.startswith("prices")]
    assert (chain.first, chain.last) == (date.fromisoformat(EX), LAST)
    counted = after.store.read(tables.ACTIONS)
    assert counted["action"].to_list() == ["dividend", "spin_off", "split"]
    assert counted["other_symbol"].to_list() == [None, "KID", None]
