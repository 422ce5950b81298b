"""Backfills in several runs ask what `--plan` said, counted by vendors on the loopback.

Massive's own plan, whole days or ranges, is in test_call_plan.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fundplatform import chunk_sizes, tables
from fundplatform.call_plan import calls, lines
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.register import Vendor as Entry
from fundplatform.storage.syncs import Syncs
from fundplatform_tests import pipeline
from fundplatform_tests.sources.vendor_server import Asked, Script, Vendor, json, serving

# Six UTC days, in two runs of three.
DAYS = [date(2024, 3, 4) + timedelta(days=n) for n in range(6)]
NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)


def seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400


class Exchanges(Vendor):
    """Kraken's newest bars whatever is asked, Coinbase's of the window, a cap of every day."""

    def answer(self, asked: Asked, target: str) -> Script:
        self.asked.append(asked)
        if asked.path == "/0/public/OHLC":
            rows = [[seconds(d), "9", "9", "9", "9", "9", "1.5", 3] for d in DAYS]
            return json({"error": [], "result": {"X": rows, "last": 1}})
        if "candles" in asked.path:
            first, last = (date.fromisoformat(asked.params[n][:10]) for n in ("start", "end"))
            return json([[seconds(d), 9, 9, 9, 9, 1.5] for d in DAYS if first <= d <= last])
        if "market_chart" in asked.path:
            ends = [1000 * seconds(d + timedelta(days=1)) for d in DAYS]
            return json({"market_caps": [[end, 1e9] for end in ends]})
        supply = {"circulating_supply": 9, "id": "bitcoin", "last_updated": "2024-03-10T11:58:02Z"}
        return json([supply])


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        running.__class__ = Exchanges
        yield running


def installed(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, archive: str
) -> Settings:
    """Three vendors switched on without their limits, in runs of three days."""
    names = ("kraken", "coinbase", "coingecko")
    environment = {"COINGECKO_API_KEY": "t3st-k3y"}
    for name in names:
        entry = register.BUILT_IN[name]
        assert isinstance(entry, Entry)
        free = replace(entry, profile=replace(entry.profile, rates=()))
        monkeypatch.setitem(register.BUILT_IN, name, free)
        environment[f"FUNDPLATFORM_{name.upper()}_URL"] = vendor.url
    monkeypatch.setattr(chunk_sizes, "MOST", 3)
    pairs = "[BTC/USD: {since: 2024-01-01}, ETH/USD: {since: 2024-03-07}]"
    settings.tracked.write_text("".join(f"{name}: {pairs}\n" for name in names))
    return replace(settings, sources=names, archive=(archive,), environment=environment)


@pytest.mark.parametrize(
    ("archive", "kraken"),
    [
        # One answer a pair serves all runs; without an archive BTC is asked in both, ETH in one.
        pytest.param("all", 2, marks=pytest.mark.slow),
        pytest.param("none", 3, marks=pytest.mark.slow),
    ],
)
def test_the_backfill_asks_what_the_plan_says(
    settings: Settings,
    vendor: Vendor,
    monkeypatch: pytest.MonkeyPatch,
    archive: str,
    kraken: int,
) -> None:
    asked = installed(settings, vendor, monkeypatch, archive)
    run = pipeline.make(asked, register.load(asked, lambda: NOW).sources)
    run.clock = lambda: NOW
    fetches = run.job(DAYS[0], DAYS[-1]).fetches()
    plans = {
        c.source.spec.name: c
        for c in calls(run.sources, fetches, Syncs(run.store, run.sources), lambda: NOW)
    }
    assert vendor.asked == [], "nothing is asked for a plan"
    # Coinbase: a window a pair and run. CoinGecko: the same, and one call for both supplies.
    counts = {name: plan.count for name, plan in plans.items()}
    assert counts == {"kraken": kraken, "coinbase": 3, "coingecko": 4}
    for plan in plans.values():
        assert all("least" not in line and "most" not in line for line in lines([plan]))
    run.fetch(DAYS[0], DAYS[-1])
    assert not [o.errors for o in run.outcomes if o.errors]
    planned = [
        (r.path, dict(r.params))
        for c in plans.values()
        for plan in (c.plans or {}).values()
        for r in plan.requests
    ]
    made = [(a.path, dict(a.params)) for a in vendor.asked]
    assert sorted(made, key=str) == sorted(planned, key=str)
    # BTC on six days and ETH on three, of both exchanges.
    assert run.store.read(tables.OHLCV).height == 2 * (6 + 3)
    assert run.store.read(tables.DATA_SYNC)["calls"].sum() == len(planned)
