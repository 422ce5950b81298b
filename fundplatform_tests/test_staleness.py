"""Which stages of which days a plan computes, from hand-made records: no run takes place."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import cast

import dagster as dg
import pytest

from fundplatform import staleness
from fundplatform.chain_plan import chain_chunks
from fundplatform.change_log import ChangeLog
from fundplatform.impact import chain_of
from fundplatform.staleness import WRITERS, Standing
from fundplatform.storage.change_record import ALWAYS, since

FIRST, LAST = date(2015, 1, 1), date(2016, 6, 30)
SPAN = (FIRST, LAST)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
BARS = "raw/mine/ohlcv"
LATE = date(2015, 3, 2)
SEEN = 10
"""Everything was computed when the newest change was this one."""


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def graph() -> dg.Definitions:
    """The stages with what they rest on in a location with rates, profiles and fund facts."""
    bars, actions = BARS, "raw/mine/corporate_actions"
    rests = {
        "prices/validated": [bars, actions],
        "prices/rejected": [bars, actions],
        "indices/performance": ["prices/validated", "raw/mine/fx", "raw/mine/profiles"],
        "indices/levels": ["indices/performance"],
        "funds/metrics": ["prices/validated", "indices/levels", "raw/mine/rates",
                          "raw/mine/fund_facts"],
    }  # fmt: skip
    return dg.Definitions(
        [dg.AssetSpec(key(name), deps=[key(d) for d in deps]) for name, deps in rests.items()]
    )


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Standing:
    """Every day was computed; nothing changed since."""
    made = dict.fromkeys((day.isoformat() for day in DAYS), 1)
    monkeypatch.setattr(staleness, "_ids", lambda *_: made)
    monkeypatch.setattr(staleness, "latest", lambda *_: 0)
    monkeypatch.setattr(staleness, "outdated_until", lambda *_: 0)
    seen = dict.fromkeys(DAYS, SEEN)
    log = ChangeLog({BARS: dict.fromkeys(DAYS, SEEN)}, dict.fromkeys(WRITERS, seen))
    none = cast(dg.DagsterInstance, None)
    return Standing(none, graph().resolve_asset_graph(), log)


def after(now: Standing, **changed: Mapping[date, int]) -> list[tuple[str, date, date]]:
    """Label, first and last day of the runs when these sessions changed; names with __ for /."""
    log = now.log
    for name, days in changed.items():
        asset = name.replace("__", "/")
        known = {**log.changed.get(asset, {}), **days}
        log = ChangeLog({**log.changed, asset: known}, log.seen)
    chunks = chain_chunks(replace(now, log=log), [], *SPAN)
    return [(c.label, c.first, c.last) for c in chunks if c.first and c.last]


def merged(runs: list[tuple[str, date, date]]) -> dict[str, tuple[date, date]]:
    """Label -> first and last day over its chunks."""
    labels = {label for label, _, _ in runs}
    return {
        name: (min(a for n, a, _ in runs if n == name), max(b for n, _, b in runs if n == name))
        for name in labels
    }


def test_what_is_computed_stays(computed: Standing) -> None:
    assert after(computed) == []


def test_an_old_restated_price_has_a_hundred_days_judged_again_first(computed: Standing) -> None:
    assert after(computed, raw__mine__ohlcv={LATE: 11}) == [
        ("prices", LATE, date(2015, 6, 10))  # 2015-03-02 + 100 days
    ]


def test_a_recent_restated_price_takes_one_run(computed: Standing) -> None:
    day = date(2016, 6, 28)
    assert after(computed, raw__mine__ohlcv={day: 11}) == [
        ("prices → indices → metrics", day, LAST)
    ]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("prices/validated", "indices → metrics"),
        ("raw/mine/fx", "indices → metrics"),
        ("raw/mine/rates", "metrics"),
        ("raw/mine/fund_facts", "metrics"),
        ("indices/levels", "metrics"),
    ],
)
def test_what_comes_late_marks_what_rests_on_it_from_there_on(
    computed: Standing, name: str, label: str
) -> None:
    found = merged(after(computed, **{name.replace("/", "__"): {LATE: 11}}))
    assert found == {label: (LATE, LAST)}


def test_profiles_say_nothing_of_when_and_mark_all_days(computed: Standing) -> None:
    found = merged(after(computed, raw__mine__profiles={ALWAYS: 11}))
    assert found == {"indices → metrics": SPAN}


def test_a_change_that_was_read_marks_nothing(computed: Standing) -> None:
    assert after(computed, raw__mine__ohlcv={LATE: SEEN}, raw__mine__fx={LATE: SEEN}) == []


def test_late_actions_are_judged_each_by_itself(computed: Standing) -> None:
    days = {LATE: 11, date(2015, 12, 1): 11}
    found = after(computed, raw__mine__corporate_actions=days)
    assert found == [
        ("prices", LATE, date(2015, 6, 10)),
        ("prices", date(2015, 12, 1), date(2016, 3, 10)),
    ]


def test_the_impact_is_what_the_planner_makes_of_it(computed: Standing) -> None:
    runs = chain_of(computed, [], BARS, LATE, SPAN)
    found = merged([(c.label, c.first, c.last) for c in runs if c.first and c.last])
    assert found == {
        "prices": (LATE, date(2015, 6, 10)),
        "indices → metrics": (LATE, LAST),
    }
    # 487 days from 2015-03-02 on.
    assert [c.partitions for c in runs] == [101, 487]


def test_what_is_due_by_other_code_is_once_in_the_impact(
    computed: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        staleness, "outdated_until", lambda _, asset, version: int(asset == staleness.LAST_OF_CHAIN)
    )
    (run,) = chain_of(computed, [], "raw/mine/fund_facts", LATE, SPAN)
    assert (run.label, run.first, run.last) == ("metrics", FIRST, LAST)


def test_of_a_whole_the_first_day_counts() -> None:
    later = date(2020, 8, 31)
    assert since({ALWAYS, later, date(2021, 1, 4)}) == {later}
    assert since({ALWAYS}) == {ALWAYS}
    assert since(set()) == frozenset()
