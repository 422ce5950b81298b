"""Facts and prices of one ticker, months apart, as a user loads them: one instrument either way."""

from collections.abc import Callable
from datetime import date

import pytest
from click.testing import CliRunner

from fundplatform import tables
from fundplatform.cli import cli
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.test_stale import FIRST, LAST, SESSIONS, pipeline

pytestmark = pytest.mark.slow
FACTS = "kind: fund_facts\nasset_class: etf\nstart: 2023-06-01\nend: 2023-06-02\nknown_after: 1\n"
PRICES = "asset_class: etf\nstart: 2024-01-02\nend: 2024-01-11\n"
STATED = date(2023, 6, 1), date(2023, 6, 2)


def facts(settings: Settings) -> None:
    rows = "effective_on,symbol,expense_ratio\n2023-06-01,SPY,0.000945\n2023-06-01,IVV,0.0007\n"
    (folder(settings, "facts", FACTS) / "facts.csv").write_text(rows)


def prices(settings: Settings) -> None:
    rows = [bar(s, name, 100.0 + n) for n, s in enumerate(SESSIONS) for name in ("SPY", "IVV")]
    (folder(settings, "quoted", PRICES) / "bars.csv").write_text(table(rows))


@pytest.mark.parametrize("order", [(facts, prices), (prices, facts)])
def test_compare_knows_whom_it_is_asked_about(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[Callable[[Settings], None], ...],
) -> None:
    for arrives in order:
        arrives(settings)
        for first, last in (STATED, (FIRST, FIRST), (FIRST, LAST)):
            done = pipeline(settings)
            done.backfill(first, last)
            assert [o.errors for o in done.outcomes if o.errors] == []
    known = done.store.read(tables.INSTRUMENTS).filter(asset_class="etf").sort("symbol")
    assert [(s, str(a)) for s, a in known.select("symbol", "valid_from").iter_rows()] == [
        ("IVV", "2024-01-02"),
        ("SPY", "2024-01-02"),
    ]
    stated = done.store.read(tables.FUND_FACTS)["instrument_id"].sort()
    assert stated.to_list() == known["instrument_id"].sort().to_list()
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")
    shown = CliRunner().invoke(cli, ["compare", "SPY", "IVV"])
    assert shown.exit_code == 0, shown.output
    assert "0 open proposals" in CliRunner().invoke(cli, ["identity", "review"]).output
