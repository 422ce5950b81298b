"""Kraken's downloads put into a watched folder: the full bundle, then a quarter that overlaps it.

How a bundle is read is in sources/test_drop_files.py; here the sensor asks, a run stores.
"""

import io
import os
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform.sources.drop import inventory
from fundplatform_tests.dropped import folder
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.test_automation import asked, tick

NOW = datetime(2024, 4, 2, 12, tzinfo=UTC)
YAML = """layout: kraken_ohlcvt
start: 2023-12-30
end: 2024-01-04
members: "*_1440.csv"
"""
RAW = "raw/kraken_bundles/ohlcv"


def bundle(closes: dict[date, float]) -> bytes:
    """A zip as Kraken's: a headerless file a pair and interval; time,o,h,l,c,volume,trades."""
    lines = []
    for day, close in closes.items():
        seconds = (day - date(1970, 1, 1)).days * 86_400
        lines.append(f"{seconds},{close},{close},{close},{close},2.5,7")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("XBTUSD_1440.csv", "\n".join(lines) + "\n")
        archive.writestr("XBTUSD_60.csv", "not read at all\n")
    return made.getvalue()


def put(path: Path, content: bytes, day: int) -> None:
    path.write_bytes(content)
    at = NOW.timestamp() + day * 86_400 - 10 * 86_400
    os.utime(path, (at, at))


def taken(settings: Settings, now: datetime, first: date, last: date) -> tuple[list[str], Pipeline]:
    """What the sensor asks for at its second look, files being still; then it is fetched."""
    made = make(settings)
    made.clock = lambda: now
    look = tick(made, "drop_folders", now)
    days = asked(tick(made, "drop_folders", now, look.cursor)).get(RAW)
    if days is None:
        return [], made
    made.fetch(first, last)
    assert not [o.errors for o in made.outcomes if o.errors]
    return days, made


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were parsed, in order."""
    seen: list[str] = []
    real = inventory.parse
    monkeypatch.setattr(inventory, "parse", lambda n, b, c: (seen.append(n), real(n, b, c))[1])
    return seen


def test_a_full_and_a_quarterly_bundle(settings: Settings, parsed: list[str]) -> None:
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    home = folder(own, "kraken_bundles", YAML)
    days = [date(2023, 12, 30) + timedelta(days=n) for n in range(6)]
    span = (days[0], days[-1])
    # Nobody traded on the second day: its bar is absent, as in Kraken's files.
    put(home / "Kraken_OHLCVT.zip", bundle({days[0]: 1.0, days[2]: 3.0, days[3]: 4.0}), 0)
    wanted, made = taken(own, NOW, *span)
    assert wanted[0] == str(days[0])
    assert parsed == ["Kraken_OHLCVT.zip"]
    rows = made.store.read(tables.OHLCV)
    assert rows["close"].to_list() == [1.0, 3.0, 4.0]

    # Unchanged: nothing is asked, nothing is read, an hour later, and with another time stamp.
    put(home / "Kraken_OHLCVT.zip", (home / "Kraken_OHLCVT.zip").read_bytes(), 1)
    later = NOW + timedelta(hours=2)
    assert taken(own, later, *span)[0] == []
    assert parsed == ["Kraken_OHLCVT.zip"]

    # A quarter that overlaps: day 3 as it was, day 4 corrected, day 5 new.
    put(home / "Kraken_OHLCVT_Q1.zip", bundle({days[2]: 3.0, days[3]: 4.5, days[4]: 5.0}), 2)
    wanted, made = taken(own, later, *span)
    assert {str(days[3]), str(days[4])} <= set(wanted)
    assert parsed == ["Kraken_OHLCVT.zip", "Kraken_OHLCVT_Q1.zip"], "the full one is not read again"
    rows = made.store.read(tables.OHLCV).sort("session")
    assert rows.select("session", "close").rows() == [
        (days[0], 1.0),
        (days[2], 3.0),
        (days[3], 4.5),
        (days[4], 5.0),
    ]
    old = made.store.read(tables.revisions_of(tables.OHLCV))
    assert old.filter(pl.col("close") != 3.0)["close"].to_list() == [4.0]
    assert taken(own, later + timedelta(hours=2), *span)[0] == []
    assert len(parsed) == 2
