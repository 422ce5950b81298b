"""What a comparison reads of a warehouse: the newest of each, in either database."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import cli, cli_compare, tables
from fundplatform.compare import Inputs
from fundplatform.compare_data import load
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, chosen, filled, rows

D = date.fromisoformat
OLD, NEW = datetime(2023, 3, 1, tzinfo=UTC), datetime(2023, 9, 1, tzinfo=UTC)


def bars(instrument: int, *stated: tuple[str, float, str]) -> list[dict[str, object]]:
    return [chosen(D(d), c, instrument_id=instrument, adjustment=a) for d, c, a in stated]


def metric(instrument: int, session: str, basis: str, value: float) -> dict[str, object]:
    return {"instrument_id": instrument, "session": D(session), "frame": "1M",
            "return_basis": basis, "total_return": value}  # fmt: skip


def fact(day: str, at: datetime, ratio: float | None, **more: object) -> dict[str, object]:
    return {
        "instrument_id": 1,
        "valid_from": D(day),
        "known_at": at,
        "expense_ratio": ratio,
        **more,
    }


def position(instrument: int, day: str, at: datetime, line: int, weight: float | None,
             **more: object) -> dict[str, object]:  # fmt: skip
    return {"instrument_id": instrument, "as_of": D(day), "known_at": at, "line": line,
            "weight": weight, **more}  # fmt: skip


CONTENT = (
    rows(tables.SOURCES, {"source_id": 1}),
    rows(
        tables.INSTRUMENTS,
        *({"instrument_id": n, "symbol": s, "asset_class": c, "quote": "USD"}
          for n, s, c in [(1, "SPY", "etf"), (2, "EFA", "etf"), (3, "two", "index"),
                          (4, "AAPL", "equity"), (5, "SPY", "merged"),
                          (6, "PAYS", "etf")]),
    ),
    rows(
        tables.VALIDATED,
        # A vendor's dividends in the first price, none after: a return across would be wrong.
        *bars(1, ("2023-01-03", 9.0, "split_div"), ("2023-01-04", 10.0, "none"),
              ("2023-01-05", 11.0, "none")),
        *bars(2, ("2023-01-03", 5.0, "none"), ("2023-01-04", 5.0, "none"),
              ("2023-01-05", 6.0, "none")),
    ),
    rows(tables.TOTAL_RETURN_FACTORS, {"instrument_id": 2, "from_session": D("2023-01-05"),
                                       "to_session": D("2023-01-05"), "total_factor": 1.5}),
    rows(tables.LEVELS, *({"index_name": "two", "session": D(d), "return_basis": b, "level": v}
                          for d, b, v in [("2023-01-04", "price", 1.0),
                                          ("2023-01-05", "price", 2.0),
                                          ("2023-01-04", "gross_total", 1.0),
                                          ("2023-01-05", "gross_total", 3.0)])),
    # The newest session that all have is the 4th; the total return before the price return.
    rows(tables.METRICS, metric(1, "2023-01-04", "price", 0.1),
         metric(2, "2023-01-04", "price", 0.2),
         metric(1, "2023-01-04", "gross_total", 0.3), metric(2, "2023-01-04", "gross_total", 0.4),
         metric(1, "2023-01-05", "price", 0.5),
         # No basis that both have: one pays nothing, the other's prices carry what it paid.
         metric(4, "2023-01-04", "price", 0.6), metric(4, "2023-01-06", "price", 0.6),
         metric(6, "2023-01-04", "gross_total", 0.7), metric(6, "2023-01-06", "gross_total", 0.8)),
    rows(tables.RISK, {"instrument_id": 1, "session": D("2023-01-04"), "frame": "1M",
                       "return_basis": "gross_total", "beta": 1.25}),
    rows(tables.FACTS, fact("2023-02-01", OLD, 0.0010), fact("2023-08-01", NEW, None),
         fact("2023-05-01", NEW, 0.0009), fact("2023-06-01", OLD, 0.0007, superseded_at=NEW),
         fact("2999-01-01", NEW, 0.0005)),
    rows(tables.POSITIONS, position(1, "2022-12-31", NEW, 1, 1.0, security="OLD"),
         position(1, "2023-06-30", OLD, 1, 0.9, security="AMENDED"),
         position(1, "2023-06-30", NEW, 1, 0.6, security="APPLE"),
         position(1, "2023-06-30", NEW, 2, None, security="SWAP"),
         position(2, "2023-06-30", NEW, 1, 0.4, security="APPLE")),
    rows(tables.EXPOSURES, *({"instrument_id": 1, "as_of": D(d), "kind": "sector", "name": n,
                              "weight": 0.6, "through": 0.0}
                             for d, n in [("2022-12-31", "Energy"), ("2023-06-30", "Utilities")])),
)  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "compare", CONTENT) as made:
        yield made


@pytest.fixture(scope="module")
def found(store: Store) -> Inputs:
    return load(store, ["SPY", "efa", "two"])


def test_series_are_total_returns_on_one_basis_each(found: Inputs) -> None:
    series = found.series.sort("fund", "session")
    assert found.names == ["SPY", "EFA", "TWO"]
    assert series.select("fund", pl.col("session").cast(pl.String), "value").rows() == [
        ("EFA", "2023-01-03", 5.0), ("EFA", "2023-01-04", 5.0), ("EFA", "2023-01-05", 9.0),
        ("SPY", "2023-01-04", 10.0), ("SPY", "2023-01-05", 11.0),
        ("TWO", "2023-01-04", 1.0), ("TWO", "2023-01-05", 3.0),
    ]  # fmt: skip


def test_metrics_are_of_the_newest_session_that_all_have(store: Store, found: Inputs) -> None:
    assert (found.session, found.metrics.height) == (None, 0)
    both = load(store, ["EFA", "SPY"])
    assert (both.session, both.basis) == (D("2023-01-04"), "gross_total")
    stored = both.metrics.sort("fund").select("fund", "total_return", "beta").rows()
    assert stored == [("EFA", 0.4, None), ("SPY", 0.3, 1.25)]


def test_without_a_basis_that_all_have_each_has_its_own(store: Store) -> None:
    unlike = load(store, ["PAYS", "AAPL"])
    assert (unlike.session, unlike.basis) == (D("2023-01-06"), "PAYS gross_total, AAPL price")
    assert sorted(unlike.metrics.select("fund", "total_return").rows()) == [
        ("AAPL", 0.6), ("PAYS", 0.8),
    ]  # fmt: skip
    three = load(store, ["SPY", "AAPL", "PAYS"])
    assert three.basis == "SPY gross_total, AAPL price, PAYS gross_total"
    assert load(store, ["SPY", "AAPL"]).basis == "price", "which both have"


def test_the_newest_fee_and_the_newest_report_count(found: Inputs) -> None:
    assert found.ratios.rows() == [("SPY", 0.0009, NEW.date())]
    held = found.holdings.sort("fund").select("fund", "holding", "weight")
    assert held.rows() == [("EFA", "APPLE", 0.4), ("SPY", "APPLE", 0.6)]
    assert found.exposures.select("fund", "kind", "name", "weight").rows() == [
        ("SPY", "sector", "Utilities", 0.6)
    ]


def test_the_command_prints_tables_json_and_a_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(cli_compare, "quiet_store", lambda settings: store)
    monkeypatch.chdir(str(tmp_path))
    plain = CliRunner().invoke(cli.cli, ["compare", "SPY", "EFA"])
    assert "Common history 2023-01-04 to 2023-01-05, 2 sessions" in plain.output, plain.output
    assert "note: EFA: its expense ratio is not known." in plain.output
    made = CliRunner().invoke(cli.cli, ["compare", "SPY", "EFA", "--html", "c.html"])
    assert made.output == "c.html\n"
    told = CliRunner().invoke(cli.cli, ["compare", "SPY", "EFA", "--json"])
    assert '"overlap": 0.4' in told.output
