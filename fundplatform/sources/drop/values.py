"""How one value of a source.yaml is read: text, list or mapping of text in, a typed value out.

A value that does not fit raises `Wrong` with the problem and the line to write; `source_yaml.py`
adds file and key. Which keys exist is not decided here.
"""

import csv
import math
import re
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fundplatform.errors import ConfigError
from fundplatform.sources.drop.yaml_file import read_mapping

UNIX_FORMATS = {"unix_s": 1_000_000, "unix_ms": 1_000, "unix_us": 1, "unix_ns": 0.001}
"""`date_format` for numbers since 1970: microseconds in one unit."""

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}


class Wrong(Exception):
    """A value that does not fit its key."""

    def __init__(self, problem: str, remedy: str) -> None:
        """Name the `problem` and the `remedy`."""
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{problem}. {remedy}")


def text(value: object) -> str:
    """One text."""
    if not isinstance(value, str):
        raise Wrong("must be one value, not a list or mapping", "Write it on the key's line")
    return value.strip()


def texts(value: object) -> tuple[str, ...]:
    """A list of texts; one text is a list of one."""
    if isinstance(value, str):
        return (value.strip(),)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item.strip() for item in value)
    raise Wrong("must be a list", "Like: [one, two]")


def mapping(value: object) -> dict[str, str]:
    """A mapping of text to text."""
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return {str(key).strip(): item.strip() for key, item in value.items()}
    raise Wrong("must be a mapping", "Like: {key: value}")


def boolean(value: object) -> bool:
    """A switch: true or false."""
    found = {"true": True, "yes": True, "false": False, "no": False}.get(text(value).lower())
    if found is None:
        raise Wrong(f"{value!r} is neither true nor false", "Write: true or false")
    return found


def whole(value: object) -> int:
    """A whole number."""
    try:
        return int(text(value))
    except ValueError:
        raise Wrong(f"{value!r} is no whole number", "Like: 100") from None


def day(value: object) -> date:
    """A date, ISO."""
    try:
        return date.fromisoformat(text(value))
    except ValueError:
        raise Wrong(f"{value!r} is no date", "Write it like 2015-01-02") from None


def time_of_day(value: object) -> time:
    """HH:MM or HH:MM:SS."""
    try:
        found = time.fromisoformat(text(value))
    except ValueError:
        raise Wrong(f"time {value!r} is no time of day", "Write it like '20:15'") from None
    if found.tzinfo:
        raise Wrong(f"time {value!r} has an offset", "Name the time zone with zone")
    return found


def time_zone(value: object) -> str:
    """An IANA time zone that exists."""
    name = text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong(f"{name!r} is no time zone", "Like: America/New_York or UTC") from None
    return name


HUNDREDTHS = ("GBp", "ZAc")
"""Quote currencies that are written with a small letter; GBX and ILA are three capitals."""


def currency(value: object) -> str:
    """A currency code, or a hundredth of one as vendors write it."""
    code = text(value)
    if not re.fullmatch(r"[A-Z]{3,5}", code) and code not in HUNDREDTHS:
        remedy = "Write three capital letters, like USD; pence are GBp or GBX"
        raise Wrong(f"{code!r} is no currency code", remedy)
    return code


def owner(value: object) -> str:
    """A team or an e-mail address, as the Dagster UI takes it."""
    name = text(value)
    if not re.fullmatch(r"team:[\w-]+|[\w.+-]+@[\w-]+(\.[\w-]+)+", name):
        raise Wrong(f"{name!r} is no owner", "Write team:data or an e-mail address")
    return name


def globs(value: object) -> tuple[str, ...]:
    """File patterns that stay inside the drop folder."""
    found = texts(value)
    for pattern in found:
        if not pattern or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise Wrong(f"{pattern!r} leaves the drop folder", "Like: '*.csv' or 'daily/*.csv.gz'")
    return found


def delimiter(value: object) -> str:
    """One character, or its name."""
    if not isinstance(value, str):
        raise Wrong("must be one character", "Like: ';' or tab")
    found = _DELIMITERS.get(value.strip().lower(), value)
    if len(found) != 1 or found in '"\r\n' or not found.isascii():
        raise Wrong(f"{value!r} is no delimiter", "Write one character, like ';', or tab")
    return found


def date_format(value: object) -> str:
    """A strptime pattern or one of UNIX_FORMATS."""
    found = text(value)
    if found not in UNIX_FORMATS and "%" not in found:
        raise Wrong(
            f"{found!r} is no date format",
            f"Write a pattern like '%d.%m.%Y', or one of {', '.join(UNIX_FORMATS)}",
        )
    return found


def units(value: object) -> dict[str, float]:
    """Column -> multiplier, finite and positive."""
    found = {}
    for name, number in mapping(value).items():
        try:
            found[name] = float(number)
        except ValueError:
            raise Wrong(f"{name}: {number!r} is no number", "Like: {market_cap: 1e9}") from None
        if not (math.isfinite(found[name]) and found[name] > 0):
            raise Wrong(f"{name}: {number} is no multiplier", "Like: {close: 0.0001}")
    return found


def symbols(value: object, folder: Path) -> dict[str, str]:
    """Vendor symbol -> canonical symbol: inline, or a .yaml or two-column .csv in `folder`."""
    if not isinstance(value, str):
        return mapping(value)
    path = folder / value.strip()
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Wrong(f"{value!r} leaves the drop folder", "Put the map beside the source.yaml")
    try:
        if path.suffix in (".yaml", ".yml"):
            return mapping(read_mapping(path))
        lines = csv.reader(path.read_text("utf-8-sig").splitlines())
        rows = [line for line in lines if line]
    except ConfigError as error:
        raise Wrong(error.problem, error.remedy) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Wrong(f"{value}: cannot be read: {error}", "Name a .csv or .yaml file") from error
    if not rows or rows[0] != ["vendor_symbol", "symbol"] or any(len(row) != 2 for row in rows):
        raise Wrong(f"{value} is no symbol map", "Its first line is: vendor_symbol,symbol")
    return {vendor.strip(): symbol.strip() for vendor, symbol in rows[1:]}
