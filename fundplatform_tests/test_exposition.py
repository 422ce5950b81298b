"""Prometheus' text format, by hand from its specification; and what the platform measures."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from fundplatform import tables
from fundplatform.automation.measures import measures
from fundplatform.definitions import build_definitions
from fundplatform.exposition import Measure, text, write
from fundplatform.settings import Settings
from fundplatform.sources.base import Source
from fundplatform.sources.web.profile import Rate
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, filled, rows
from fundplatform_tests.test_alerts import Plain
from fundplatform_tests.test_gap_budget import of_account

NOW = datetime(2024, 7, 9, 3, tzinfo=UTC)
RAW = dg.AssetKey(["raw", "acme", "ohlcv"])
HEALTH = {"last_attempt_at": datetime.now(UTC)}
CONTENT = [
    rows(
        tables.LOADS,
        {"load_id": "a", "table_name": "raw.ohlcv", "rows_inserted": 5, "rows_rejected": 2},
        {"load_id": "b", "table_name": "raw.ohlcv", "rows_inserted": 3, "rows_updated": 4},
    ),
    rows(
        tables.GAPS,
        {"source": "acme", "kind": "ohlcv", "state": "unfetched", "sessions": 4},
        {"source": "acme", "kind": "ohlcv", "state": "unfetched", "sessions": 2,
         "first_session": date(2024, 1, 2)},
        {"source": "acme", "kind": "ohlcv", "state": "no_trade", "sessions": 9,
         "first_session": date(2024, 1, 3)},
    ),
    rows(
        tables.SOURCE_HEALTH,
        {"source": "acme", "state": "ERROR", "score": 62.5, **HEALTH},
        {"source": "free", "state": "ACTIVE", **HEALTH},
    ),
    rows(
        tables.DATA_SYNC,
        *(
            {"attempt_id": str(n), "source": source, "calls": calls, "finished_at": at}
            for n, (source, calls, at) in enumerate(
                # Their day begins at midnight UTC.
                [("stocks", 6, datetime(2024, 7, 9, 1, tzinfo=UTC)),
                 ("stocks", 9, datetime(2024, 7, 8, 23, tzinfo=UTC)),
                 ("coins", 1, datetime(2024, 7, 9, 2, tzinfo=UTC)),
                 ("free", 3, datetime(2024, 7, 9, 2, tzinfo=UTC)),
                 ("free", 4, datetime(2024, 7, 8, 4, tzinfo=UTC)),
                 ("free", 9, datetime(2024, 7, 8, 3, tzinfo=UTC))]
            )
        ),
    ),
    rows(tables.SOURCES, {"source_id": 1, "name": "acme"}),
    rows(
        tables.GATES,
        {"source_id": 1, "session": date(2024, 7, 2), "held": True},
        {"source_id": 1, "session": date(2024, 7, 3), "held": False},
    ),
]  # fmt: skip


def in_new_york(name: str) -> Source:
    """A vendor without a quota whose day begins there."""
    made = of_account(name, 1)
    assert made.access.profile is not None
    profile = replace(
        made.access.profile, account=name, rates=(Rate(5, 60.0),), day_zone="America/New_York"
    )
    return replace(made, access=replace(made.access, profile=profile))


@pytest.fixture(params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "measured", CONTENT) as made:
        yield made


def test_the_text_is_as_specified() -> None:
    samples = (
        ({"path": 'C:\\DIR\\"a"\nb'}, 0.25),
        ({}, 3.0),
        ({"x": "nan", "y": "é"}, float("nan")),
        ({"x": "inf"}, float("-inf")),
        ({"x": "large"}, 12_345_678_901.0),
    )
    assert text([Measure("a_total", "What\nit \\ is", "counter", samples)]) == (
        "# HELP a_total What\\nit \\\\ is\n"
        "# TYPE a_total counter\n"
        'a_total{path="C:\\\\DIR\\\\\\"a\\"\\nb"} 0.25\n'
        "a_total 3\n"
        'a_total{x="nan",y="é"} NaN\n'
        'a_total{x="inf"} -Inf\n'
        'a_total{x="large"} 12345678901\n'
    )
    assert text([Measure("empty", "No sample", "gauge", ())]) == ""


@pytest.mark.parametrize(
    "wrong",
    [Measure("a-b", "", "gauge", (({}, 1),)), Measure("a", "", "gauge", (({"b:c": ""}, 1),))],
)
def test_a_name_that_prometheus_does_not_know(wrong: Measure) -> None:
    with pytest.raises(ValueError, match="is no name"):
        text([wrong])


def test_what_is_measured(settings: Settings, store: Store) -> None:
    instance = dg.DagsterInstance.ephemeral()
    instance.report_runless_asset_event(dg.AssetMaterialization(RAW, partition="2024-07-03"))
    instance.add_run(dg.DagsterRun(job_name="x", status=dg.DagsterRunStatus.FAILURE))
    # 25 calls a day for two sources on one account: 25 - 6 - 1 are left to either.
    vendors = [of_account("stocks", 2), of_account("coins", 1), in_new_york("free")]
    told = text(measures(instance, [Plain(), *vendors], settings, store, NOW)).splitlines()
    for line in (
        'fundplatform_runs{status="failure"} 1',
        'fundplatform_runs{status="queued"} 0',
        # Friday the 5th and Monday the 8th; 2024-07-03 00:00 UTC.
        'fundplatform_sessions_behind{asset="raw/acme/ohlcv"} 2',
        'fundplatform_last_session_timestamp_seconds{asset="raw/acme/ohlcv"} 1719964800',
        'fundplatform_sessions_behind{asset="funds/metrics"} 1',
        'fundplatform_rows_total{table="raw.ohlcv",how="inserted"} 8',
        'fundplatform_rows_total{table="raw.ohlcv",how="rejected"} 3',
        'fundplatform_gap_sessions{source="acme",kind="ohlcv",state="unfetched"} 6',
        'fundplatform_sessions_held{source="acme"} 1',
        'fundplatform_source_up{source="acme"} 0',
        'fundplatform_source_up{source="free"} 1',
        'fundplatform_source_score{source="acme"} 62.5',
        'fundplatform_calls_today{source="stocks"} 7',
        'fundplatform_calls_left{source="stocks"} 18',
        'fundplatform_calls_left{source="coins"} 18',
        # In New York it is still the 8th, which began at 04:00 UTC.
        'fundplatform_calls_today{source="free"} 7',
        "fundplatform_written_timestamp_seconds 1720494000",
    ):
        assert line in told
    assert not [line for line in told if "no_trade" in line or 'calls_left{source="acme"' in line]


def test_the_file_is_replaced_as_a_whole_and_lies_alone(settings: Settings) -> None:
    """Also before there is a warehouse."""
    location = build_definitions(settings, sources=[Plain()], clock=lambda: NOW)
    found = location.get_repository_def()
    context = dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral(), repository_def=found)
    write(settings.metrics_file, "old")
    found.get_sensor_def("metrics_file")(context)
    assert settings.metrics_file.read_text().startswith("# HELP fundplatform_runs ")
    assert [p.name for p in settings.metrics_file.parent.iterdir()] == ["fundplatform.prom"]
