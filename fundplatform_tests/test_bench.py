"""Every benchmark case runs at a tiny size and reports its lines; no time is asserted."""

import re

import pytest

from bench.__main__ import CASES, run
from bench.pg_marts import QUERIES
from bench.result import Line, at_least, at_most, table
from fundplatform_tests.storage.test_marts import CONTRACT

QUICK = {
    "file_to_validated": {"speed, DuckDB's CSV load = 1", "file to validated, s"},
}
SLOW = {
    "all_rules": {"CPU, hand-written DuckDB query = 1", "every rule and the gate, CPU s"},
    "shares": {"CPU of the rules / the whole", "CPU of contracts and import / the rest"},
    "ticks": {
        "a tick of fill_gaps, nothing to do, CPU s",
        "a tick of propagate, nothing to do, CPU s",
    },
    "latency": {"a landed file to the fund metric, s"},
    "bookkeeping": {"Dagster per partition and asset, ms"},
    "sp_run": {"files to prices/validated, s"},
    "whole_graph": {"files to metrics, s", "the same in yardsticks"},
    "demo": {"demo, the last year, s"},
    "grouped_days": {
        "parse of a grouped day, json.loads = 1",
        "our share of a grouped backfill",
    },
    "indices": {
        "compositions and levels, numpy = 1",
        "the same, numpy from the same rows = 1",
        "20 indices / one",
        "one more session, on half the history = 1",
    },
    "one_more_day": {"a day on five years / on one year"},
    "metrics_last": {"last date, plain polars = 1", "last date, basic and extended, s"},
    "metrics_day": {"a day on 16 years / on 13"},
    "metrics_history": {"whole history, s", "per fund, session and frame, us"},
    "pg_load": {
        "first load, REF = 1",
        "rerun with nothing changed, REF = 1",
        "1 % changed, REF = 1",
    },
    "pg_day": {"a day on the large table / on the small one"},
    "pg_memory": {"peak of a load, GB"},
    "pg_marts": {f"{name}, ms" for name in QUERIES},
}


def test_every_case_is_tested() -> None:
    assert {*QUICK, *SLOW} == set(CASES)


@pytest.mark.parametrize("case", QUICK)
def test_quick_case(case: str) -> None:
    _check(case, QUICK[case])


@pytest.mark.slow
@pytest.mark.timeout(1500)  # `latency` waits for a daemon, at most 1,200 s by itself
@pytest.mark.parametrize("case", SLOW)
def test_slow_case(case: str) -> None:
    _check(case, SLOW[case])


def _check(case: str, wanted: set[str]) -> None:
    lines = run([case], quick=True)
    assert [lines[0].case, lines[-1].case] == ["yardstick", "yardstick"]
    assert wanted <= {line.what for line in lines if line.case == case}
    assert all(line.value > 0 for line in lines)


def test_the_queries_name_marts() -> None:
    """Views that no query names are measured by their first rows."""
    asked = {found for sql in QUERIES.values() for found in re.findall(r"FROM marts\.(\w+)", sql)}
    assert asked <= set(CONTRACT)


def test_verdicts() -> None:
    assert at_most("c", "w", 3.0, 3).holds is True
    assert at_most("c", "w", 3.1, 3).holds is False
    assert at_least("c", "w", 0.3, 0.3).holds is True
    assert at_least("c", "w", 0.29, 0.3).holds is False


def test_the_table_names_a_broken_bound() -> None:
    text = table([at_most("c", "w", 4.0, 3), Line("c", "x", 1.0)])
    assert text.splitlines()[2].split("|")[1:6] == [
        " c    ", " w        ", " 4     ", " <= 3  ", " BROKEN  ",
    ]  # fmt: skip
    assert "holds" not in text
