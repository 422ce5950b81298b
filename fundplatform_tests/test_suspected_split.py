"""A bar held as a suspected split (V20) comes free by itself: by later bars, or by the split."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

DAYS = calendars.get("XNYS").sessions(date(2024, 1, 2), date(2024, 2, 9))
HALVED = 20
"""The session on which AAA opens and closes at half, with twice the volume."""


def closes(back: bool) -> list[float]:
    calm = [100.0 + 0.1 * (n % 3) for n in range(HALVED)]
    return [*calm, 50.0, 50.1, *([100.0, 100.1] if back else [50.2, 50.0])]


def file(*, back: bool, until: int) -> str:
    """AAA as told; eight others go their way, so that one refused bar is no reason for the gate."""
    rows = []
    for n, close in enumerate(closes(back)[:until]):
        volume = 1000 + n if close > 90 else 2000 + n
        rows.append(bar(str(DAYS[n]), "AAA", close, str(volume)))
        rows += [bar(str(DAYS[n]), f"B{k}", 20.0 + k + 0.1 * (n % 4)) for k in range(8)]
    return table(rows)


def verdict(own: Pipeline) -> str | None:
    """The rules that refuse AAA's bar of the day; None where it is validated."""
    key = own.store.read(tables.INSTRUMENTS).filter(symbol="AAA")["instrument_id"].item()
    mine = {"instrument_id": key, "session": DAYS[HALVED]}
    refused = own.store.read(tables.REJECTED).filter(**mine)["rules"].to_list()
    passed = own.store.read(tables.VALIDATED).filter(**mine).height
    assert len(refused) + passed == 1
    return refused[0] if refused else None


@pytest.fixture
def own(settings: Settings) -> Settings:
    made = replace(settings, sources=())
    splits = folder(made, "splits", "kind: corporate_actions\nstart: 2024-01-02\n")
    (splits / "splits.csv").write_text("symbol,action,ex_date,ratio\nB1,dividend,2024-01-04,\n")
    return made


def computed(own: Settings, text: str, until: int) -> Pipeline:
    bars = folder(own, "mine", "start: 2024-01-02\nend: 2024-02-09\n") / "bars.csv"
    bars.write_text(text)
    pipeline = make(own)
    pipeline.backfill(DAYS[0], DAYS[until - 1])
    assert [o.errors for o in pipeline.outcomes if o.errors] == []
    return pipeline


@pytest.mark.slow
def test_a_level_that_goes_back_releases_the_bar(own: Settings) -> None:
    first = computed(own, file(back=True, until=HALVED + 1), HALVED + 1)
    assert verdict(first) == "V20"
    later = computed(own, file(back=True, until=HALVED + 4), HALVED + 4)
    assert verdict(later) is None
    bars = later.store.read(tables.VALIDATED).filter(session=DAYS[HALVED], close=50.0)
    assert "V20" in bars["warnings"].item()
    # What released it is known from that session's close on.
    assert bars["known_at"].item().date() == DAYS[HALVED + 2]
    gates = later.store.read(tables.GATES).filter(pl.col("rows_rejected") > 0)
    assert gates.is_empty()


@pytest.mark.slow
def test_a_split_that_comes_on_record_releases_the_bar(own: Settings) -> None:
    until = HALVED + 4
    first = computed(own, file(back=False, until=until), until)
    assert verdict(first) == "V20"
    record = f"symbol,action,ex_date,ratio\nAAA,split,{DAYS[HALVED]},2\n"
    (own.drop / "splits" / "splits.csv").write_text(record)
    later = computed(own, file(back=False, until=until), until)
    assert verdict(later) is None
