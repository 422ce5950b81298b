"""How many partitions a run gets: by what a source says of its size, and by what was loaded."""

from dataclasses import replace
from datetime import date

import dagster as dg
import pytest

from fundplatform import chunk_sizes
from fundplatform.chunk_sizes import cut, of_chain, of_source
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind
from fundplatform.sources.drop import discover
from fundplatform.sources.sample import Sample
from fundplatform.sources.synthetic import Synthetic
from fundplatform_tests.dropped import folder

TODAY = date(2026, 11, 21)
BARS = dg.AssetKey(["raw", "sample", "ohlcv"])
# XNYS had 252 sessions in 2015; every day of the year is counted as one with rows.
YEAR = {"start": date(2015, 1, 1), "end": date(2015, 12, 31)}


@pytest.mark.parametrize(
    ("symbols", "partitions"),
    [
        (1, 2_000),  # next to nothing in a session: what a killed run repeats is bounded
        (1_000, 690),  # 1,000 x 365 days / 252 sessions = 1,448 rows each; 1,000,000 / 1,448
        (10_000, 250),  # 69 would do; never fewer than ever
    ],
)
def test_a_run_gets_a_million_rows_between_the_bounds(symbols: int, partitions: int) -> None:
    source = Synthetic(symbols, **YEAR)
    assert of_source(source, Kind.OHLCV, TODAY) == partitions


class Silent:
    """A source that does not say how large it is, as vendors on the web."""

    spec = Sample().spec


def test_a_source_that_does_not_say_is_fetched_as_ever() -> None:
    assert of_source(Silent(), Kind.OHLCV, TODAY) == 250  # type: ignore[arg-type]


def test_the_sample_says_exactly() -> None:
    # The rows of the package's CSV, counted with wc (test_sample.py).
    assert Sample().about(Kind.OHLCV) == 12_154


def test_files_are_judged_by_their_size(settings: Settings) -> None:
    where = folder(settings, "mine", "start: 2015-01-01\nend: 2015-12-31\n")
    (where / "a.csv").write_bytes(b"x" * 24 * 700)
    (where / "b.csv.gz").write_bytes(b"x" * 12 * 308)
    (source,), _ = discover(settings.drop, settings.payloads)
    assert source.about(Kind.OHLCV) == 1_008
    assert of_source(source, Kind.OHLCV, TODAY) == 2_000
    assert not list(settings.payloads.rglob("*.parquet")), "nothing is parsed for it"


def loaded(instance: dg.DagsterInstance, days: int, rows: int | None) -> None:
    for n in range(days):
        facts = {} if rows is None else {"dagster/row_count": rows}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(BARS, metadata=facts, partition=f"2015-01-{n + 1:02}")
        )


def test_the_chain_follows_the_bars_that_were_loaded() -> None:
    other = replace(Sample().spec, name="other")
    unloaded = type("Other", (Silent,), {"spec": other})
    with dg.DagsterInstance.ephemeral() as instance:
        assert of_chain([Sample()], instance) == 2_000, "nothing is there"
        loaded(instance, days=4, rows=8_000)
        # 8,000 rows in four sessions are 2,000 each; a million are 500 sessions.
        assert of_chain([Sample(), unloaded()], instance) == 500
        loaded(instance, days=1, rows=None)
        assert of_chain([Sample()], instance) == 250, "an event by hand does not say"


def test_a_stretch_is_cut_and_a_gap_ends_a_run() -> None:
    days = [date(2015, 1, n) for n in range(1, 8)]
    wanted = [True, True, True, False, True, True, True]
    found = [(c.first, c.last, c.partitions) for c in cut("x", (BARS,), days, wanted, 2)]
    one, two, three, _, five, six, seven = days
    assert found == [(one, two, 2), (three, three, 1), (five, six, 2), (seven, seven, 1)]


def test_the_bounds_are_those_of_the_decision() -> None:
    assert (chunk_sizes.ROWS, chunk_sizes.FEWEST, chunk_sizes.MOST) == (1_000_000, 250, 2_000)
