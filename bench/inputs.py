"""The input of the cases: five years of S&P 500 bars and their market caps, as drop folders.

Real files where `../shared/data` (or FUNDPLATFORM_SHARED_DATA) has them; bars of the same shape
from a seeded random walk where it has not. They are never passed off as real.
"""

import gzip
import os
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

FIRST, LAST = date(2013, 2, 8), date(2018, 2, 7)
_BARS = "us_stocks/sp500_5yr/all_stocks_5yr.csv.gz"
_CAPS = "market_caps/sp500_financials/constituents_financials_2016.parquet"
_BARS_YAML = f"""title: S&P 500, five years
start: {FIRST}
end: {LAST}
calendar: XNYS
adjustment: split
columns: {{symbol: Name}}
"""
_CAPS_YAML = """title: S&P 500, market caps of 2016
kind: market_caps
columns: {symbol: Symbol, market_cap: Market Cap, name: Name}
units: {market_cap: 1e9}
known_at: {column: commit_utc}
start: 2016-02-23
end: 2016-07-10
"""


@dataclass(frozen=True)
class Bars:
    """A gzipped CSV of date, open, high, low, close, volume, Name; and where it is from."""

    path: Path
    real: bool

    @property
    def origin(self) -> str:
        """In words, for the table."""
        return "real S&P file" if self.real else "synthetic file"


def bars(folder: Path, *, quick: bool = False) -> Bars:
    """The S&P file, or one of its shape (quick: a small one) made in `folder`."""
    real = shared() / _BARS
    if real.is_file() and not quick:
        return Bars(real, real=True)
    made = folder / "all_stocks_5yr.csv.gz"
    if not made.exists():
        write_synthetic(made, symbols=12 if quick else 492)
    return Bars(made, real=False)


def shared() -> Path:
    """Where real data would be."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FUNDPLATFORM_SHARED_DATA") or beside)


def write_synthetic(path: Path, symbols: int) -> None:
    """Random walks of `symbols` names over the sessions of FIRST..LAST, by name and date."""
    from fundplatform import calendars

    days = calendars.get("XNYS").sessions(FIRST, LAST)
    path.write_bytes(gzip.compress(random_walks(days, symbols).write_csv().encode(), 6))


def random_walks(days: list[date], symbols: int) -> pl.DataFrame:
    """Bars of `symbols` names on these days in the S&P file's columns, seeded."""
    random = np.random.default_rng(20130208)
    frames = []
    for number in range(symbols):
        close = 50 * np.exp(np.cumsum(random.normal(0, 0.015, len(days))))
        open_ = close * (1 + random.normal(0, 0.004, len(days)))
        frames.append(
            pl.DataFrame(
                {
                    "date": days,
                    "open": open_,
                    "high": np.maximum(open_, close) * 1.005,
                    "low": np.minimum(open_, close) * 0.995,
                    "close": close,
                    "volume": random.integers(10_000, 9_000_000, len(days)),
                    "Name": f"S{number:03}",
                }
            ).with_columns(pl.col("open", "high", "low", "close").round(2))
        )
    return pl.concat(frames)


def drop_bars(home: Path, source: Bars) -> Path:
    """Make drop/sp500 in `home`; returns the folder."""
    return _drop(home, "sp500", _BARS_YAML, source.path)


def drop_caps(home: Path) -> bool:
    """Make drop/sp500_caps in `home`; False where the real snapshots are absent."""
    path = shared() / _CAPS
    if path.is_file():
        _drop(home, "sp500_caps", _CAPS_YAML, path)
    return path.is_file()


def _drop(home: Path, name: str, yaml: str, file: Path) -> Path:
    folder = home / "drop" / name
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(yaml, "utf-8")
    shutil.copyfile(file, folder / file.name)
    return folder
