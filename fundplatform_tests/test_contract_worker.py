"""The contracts' own process: same findings, errors that stay errors, an end with its owner."""

import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import contract_worker, expectations, tables
from fundplatform.contract_worker import Worker
from fundplatform.contracts import Expectation

AT = datetime(2024, 1, 3, tzinfo=UTC)
LEVEL = {
    "index_name": "i", "session": date(2024, 1, 2), "return_basis": "price", "level": 1000.0,
    "drawdown": 0.0, "recorded_from": AT, "run_id": "r",
}  # fmt: skip


def levels(**changed: object) -> pl.DataFrame:
    return pl.DataFrame([{**LEVEL, **changed}], schema=tables.LEVELS.polars_schema)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    requests = started._process.stdin
    assert requests is not None
    requests.close()
    assert started._process.wait(timeout=60) == 0, "it ends with its requests"
    started.stop()


NAME = "indices.levels"
SUITE = [
    Expectation("expect_column_values_to_be_between", {"column": "level", "min_value": 0}),
    Expectation("expect_compound_columns_to_be_unique", {"column_list": ["index_name", "session"]}),
]


def test_a_good_batch_passes(worker: Worker) -> None:
    assert all(f.passed for f in worker.verify(NAME, levels(), SUITE))


def test_a_bad_batch_comes_back_with_its_offenders(worker: Worker) -> None:
    failed = [f for f in worker.verify(NAME, levels(level=-7.5), SUITE) if not f.passed]
    assert [(f.expectation, f.actual, f.offenders) for f in failed] == [
        ("expect_column_values_to_be_between", "1 unexpected", [-7.5])
    ]


def test_offenders_that_json_does_not_know_come_as_text(worker: Worker) -> None:
    twice = pl.concat([levels(), levels()])
    failed = [f for f in worker.verify(NAME, twice, SUITE) if not f.passed]
    assert [f.expectation for f in failed] == ["expect_compound_columns_to_be_unique"]
    assert "2024-01-02" in json.dumps(failed[0].offenders)


def test_a_summary_comes_back_as_the_clauses_that_are_broken(worker: Worker) -> None:
    assert worker.broken(NAME, [0, 3, 0, None, 0, 1]) == [1, 3, 5]
    assert worker.broken(NAME, [0, 0]) == []


def test_a_suite_that_crashes_is_an_error_and_the_next_one_is_judged(worker: Worker) -> None:
    with pytest.raises(RuntimeError, match="crashed"):
        worker.verify(NAME, levels().drop("level"), SUITE)
    assert all(f.passed for f in worker.verify(NAME, levels(), SUITE))


def test_a_killed_process_is_an_error_and_the_next_start_makes_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contract_worker, "_workers", [])
    first = contract_worker.start()
    first.stop()
    with pytest.raises(RuntimeError, match=r"contract of indices\.levels was not judged"):
        first.broken(NAME, [0])
    second = contract_worker.start()
    assert second is not first
    assert contract_worker.start() is second
    second.stop()


def test_a_process_that_forked_does_not_share_its_pipes(worker: Worker) -> None:
    worker.owner = os.getpid() + 1
    assert not worker.usable
    worker.owner = os.getpid()
    assert worker.usable


def test_one_line_answers_one_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expectations, "verify", lambda _name, _batch, _suite: [])
    frame = io.BytesIO()
    levels().write_ipc(frame)
    asked = json.dumps({"name": NAME, "bytes": frame.tell(), "suite": []}).encode()
    answers = io.BytesIO()
    counts = json.dumps({"name": NAME, "bytes": 0, "counts": []}).encode() + b"\n"
    requests = asked + b"\n" + frame.getvalue() + counts
    contract_worker.serve(io.BytesIO(requests * 2), answers)
    assert answers.getvalue() == b'{"findings": []}\n{"broken": []}\n' * 2
