"""source.yaml -> `DropConfig`: every key of a drop folder, checked, with its default.

Reads YAML and the symbol map, never data. How one value is read stands in `values.py`; what the
keys mean for people in docs/drop-folders.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TypeVar

from fundplatform import calendars
from fundplatform.errors import ConfigError
from fundplatform.sources.base import Kind
from fundplatform.sources.drop import values
from fundplatform.sources.drop.columns import COLUMNS, numbers
from fundplatform.sources.drop.config import DropConfig, KnownAt
from fundplatform.sources.drop.statements import KNOWN_AFTER, STATEMENTS
from fundplatform.sources.drop.yaml_file import read_mapping

T = TypeVar("T")

LAYOUTS = ("long", "per_symbol", "kraken_ohlcvt", "kraken_trades", *STATEMENTS)
INTERVALS = ("1m", "5m", "15m", "30m", "1h", "4h", "12h", "1d")
ADJUSTMENTS = ("none", "split", "split_div")

# asset class: (market, calendar)
_ASSET_CLASSES = {
    "equity": ("US", "XNYS"),
    "etf": ("US", "XNYS"),
    "fund": ("US", "XNYS"),
    "crypto": ("CRYPTO", "24/7"),
    "fx": ("FX", "24/5"),
    "commodity": ("COMMODITY", "daily"),
    "rate": ("RATE", "daily"),
    "economic": ("ECONOMIC", "daily"),
    "index": ("INDEX", "XNYS"),
}
_CLASS_OF_KIND = {Kind.FX: "fx", Kind.RATES: "rate", Kind.ECONOMIC: "economic"}
_KIND_OF_LAYOUT = {"kraken_ohlcvt": Kind.OHLCV, "kraken_trades": Kind.TRADES}
_FUND_KINDS = (Kind.FUND_FACTS, Kind.HOLDINGS)
# A bundle may hold notes beside its tables.
_MEMBERS_OF = {"kraken_ohlcvt": ("*.csv",), "kraken_trades": ("*.csv",)}
_NOT_KRAKEN = (
    *("columns", "date_format", "time_zone", "delimiter", "header", "decimal", "interval"),
    *("units", "null_values"),
)
_NOT_STATEMENTS = (*_NOT_KRAKEN, "known_at")
_NO_KEYS = ("name", "path", "symbols_file")
_MEANT = {
    "quote": "currency",
    "timezone": "time_zone",
    "tz": "time_zone",
    "sep": "delimiter",
    "separator": "delimiter",
    "exchange": "calendar",
    "format": "date_format",
    "glob": "files",
    "missing": "null_values",
}


def load(path: Path) -> DropConfig:
    """Read and check one source.yaml; the folder's name is the source's.

    Raises:
        ConfigError: A wrong or unknown key; names file and key and says the line to write.
    """
    return _Reader(path, read_mapping(path)).config()


class _Reader:
    """One source.yaml while it is checked."""

    def __init__(self, path: Path, content: Mapping[str, object]) -> None:
        self.path, self.content = path, content

    def config(self) -> DropConfig:
        self._known_keys()
        layout = self._choice("layout", LAYOUTS, "long")
        kind = self._kind(layout)
        usual = "crypto" if layout in _KIND_OF_LAYOUT else _CLASS_OF_KIND.get(kind, "equity")
        usual = "etf" if kind in _FUND_KINDS else usual
        asset_class = self._choice("asset_class", tuple(_ASSET_CLASSES), usual)
        market, calendar = _ASSET_CLASSES[asset_class]
        name = self.path.parent.name
        start, end = self._coverage()
        return DropConfig(
            name=name,
            path=self.path,
            kind=kind,
            layout=layout,
            title=self._text("title", name),
            description=self._text("description", ""),
            owner=self._checked("owner", values.owner, "team:data"),
            url=self._text("url", "") or None,
            files=self._checked("files", values.globs, tuple[str, ...]()),
            members=self._checked("members", values.texts, _MEMBERS_OF.get(layout, ())),
            calendar=self._calendar(calendar),
            currency=self._checked("currency", values.currency, "USD"),
            adjustment=self._choice("adjustment", ADJUSTMENTS, "none"),
            asset_class=asset_class,
            market=self._text("market", market).upper(),
            interval=self._choice("interval", INTERVALS, "1d"),
            start=start,
            end=end,
            priority=self._checked("priority", values.whole, 100),
            columns=self._columns(kind, layout, asset_class),
            symbols=self._checked(
                "symbols", lambda v: values.symbols(v, self.path.parent), dict[str, str]()
            ),
            symbols_file=self._symbols_file(),
            date_format=self._checked("date_format", values.date_format, None),
            time_zone=self._checked("time_zone", values.time_zone, "UTC"),
            delimiter=self._checked("delimiter", values.delimiter, ","),
            header=self._checked("header", values.boolean, True),
            units=self._units(kind),
            decimal=self._choice("decimal", (".", ","), "."),
            null_values=self._checked("null_values", values.texts, tuple[str, ...]()),
            known_at=self._known_at(kind),
            tracked=self._checked("tracked", values.texts, None),
            known_after=self._known_after(kind, layout),
        )

    def _known_keys(self) -> None:
        known = [f.name for f in fields(DropConfig) if f.name not in _NO_KEYS]
        for key in self.content:
            if key not in known:
                near = _MEANT.get(key) or next(iter(get_close_matches(key, known, n=1)), None)
                hint = f"Did you mean {near}?" if near else f"Keys: {', '.join(known)}"
                self._fail(key, "is no key of a source.yaml", hint)
        layout = self._choice("layout", LAYOUTS, "long")
        fixed: tuple[str, ...] = _NOT_KRAKEN if layout in _KIND_OF_LAYOUT else ()
        fixed = _NOT_STATEMENTS if layout in STATEMENTS else fixed
        for key in fixed:
            if key in self.content:
                group = "kraken layouts" if layout in _KIND_OF_LAYOUT else f"layout {layout}"
                self._fail(key, f"is fixed by the {group}", "Remove the line")

    def _kind(self, layout: str) -> Kind:
        fixed = Kind.HOLDINGS if layout in STATEMENTS else _KIND_OF_LAYOUT.get(layout)
        kind = Kind(self._choice("kind", tuple(COLUMNS), fixed or Kind.OHLCV))
        if fixed and kind != fixed:
            self._fail(
                "kind", f"layout {layout} brings {fixed}, not {kind}", f"Write: kind: {fixed}"
            )
        return kind

    def _coverage(self) -> tuple[date, date | None]:
        if "start" not in self.content:
            self._fail("start", "is missing", "Write the first day, like: start: 2015-01-02")
        start = self._checked("start", values.day, date.min)
        end = self._checked("end", values.day, None)
        if end and end < start:
            self._fail("end", f"{end} lies before start {start}", f"Write: end: {start} or later")
        return start, end

    def _symbols_file(self) -> str | None:
        given = self.content.get("symbols")
        return given.strip() if isinstance(given, str) else None

    def _calendar(self, usual: str) -> str:
        name = self._text("calendar", usual)
        try:
            calendars.get(name)
        except ConfigError as error:
            end = "" if error.remedy.endswith("?") else "."
            self._fail("calendar", error.problem, f"{error.remedy}{end} Like: calendar: {usual}")
        return name

    def _columns(self, kind: Kind, layout: str, asset_class: str) -> dict[str, str]:
        given = self.content.get("columns", {})
        known = COLUMNS[kind]
        if self._checked("header", values.boolean, True):
            if isinstance(given, list):
                self._fail(
                    "columns", "is a list", "Write: columns: {close: Close}, or header: false"
                )
            columns = self._checked("columns", values.mapping, dict[str, str]())
        elif layout not in _KIND_OF_LAYOUT and not isinstance(given, list):
            self._fail(
                "columns",
                "must list the columns in file order when there is no header",
                "Like: columns: [session, open, high, low, close, volume] (_ for one to skip)",
            )
        else:
            listed = self._checked("columns", values.texts, tuple[str, ...]())
            columns = {name: str(n) for n, name in enumerate(listed, 1) if name != "_"}
        for name in columns:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"Columns: {', '.join(known)}"
                if columns[name] in known:
                    hint = f"The file's column stands right: columns: {{{columns[name]}: {name}}}"
                self._fail(f"columns.{name}", f"is no column of kind {kind}", hint)
        if "symbol" in columns and layout == "per_symbol":
            self._fail("columns.symbol", "the file's name is the symbol", "Write: layout: long")
        if "quote" in columns and asset_class not in ("crypto", "fx"):
            self._fail(
                "columns.quote",
                f"a source of {asset_class} has one currency",
                "Write: currency: USD, and one drop folder per currency",
            )
        return columns

    def _units(self, kind: Kind) -> dict[str, float]:
        units = self._checked("units", values.units, dict[str, float]())
        for name in units:
            if name not in numbers(kind):
                hint = f"Columns with a unit: {', '.join(numbers(kind))}"
                self._fail(f"units.{name}", f"is no number of kind {kind}", hint)
        return units

    def _known_at(self, kind: Kind) -> KnownAt | None:
        wanted = "Like: known_at: {column: as_of, time: '20:15', zone: America/New_York}"
        if "known_at" not in self.content:
            if kind in (Kind.MARKET_CAPS, Kind.SHARES):
                self._fail("known_at", f"is missing: {kind} must say when it was known", wanted)
            return None
        if kind not in (Kind.MARKET_CAPS, Kind.SHARES, Kind.CORPORATE_ACTIONS, *_FUND_KINDS):
            self._fail("known_at", f"does not belong to kind {kind}", "Remove the line")
        given = self._checked("known_at", values.mapping, dict[str, str]())
        if "column" not in given or given.keys() - {"column", "time", "zone"}:
            self._fail("known_at", "takes column, and time and zone if wanted", wanted)
        try:
            at = values.time_of_day(given["time"]) if "time" in given else None
            return KnownAt(given["column"], at, values.time_zone(given.get("zone", "UTC")))
        except values.Wrong as error:
            self._fail("known_at", error.problem, wanted)

    def _known_after(self, kind: Kind, layout: str) -> int | None:
        if kind not in _FUND_KINDS:
            if "known_after" in self.content:
                self._fail("known_after", f"does not belong to kind {kind}", "Remove the line")
            return None
        days = self._checked("known_after", values.whole, KNOWN_AFTER.get(layout, -1))
        if "known_at" in self.content:
            if days >= 0:
                self._fail("known_after", "stands beside known_at", "Remove one of the lines")
            return None
        if days < 0:
            wanted = "Like: known_after: 1 (days after the positions or facts), or known_at"
            self._fail("known_after", f"is missing: {kind} must say when it was known", wanted)
        return days

    def _text(self, key: str, usual: str) -> str:
        return self._checked(key, values.text, usual)

    def _choice(self, key: str, choices: tuple[str, ...], usual: str) -> str:
        value = self._text(key, usual)
        if value not in choices:
            near = get_close_matches(value.lower(), choices, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Choose one of: {', '.join(choices)}"
            self._fail(key, f"{value!r} is not known", hint)
        return value

    def _checked(self, key: str, read: Callable[[object], T], usual: T) -> T:
        if key not in self.content:
            return usual
        try:
            return read(self.content[key])
        except values.Wrong as error:
            self._fail(key, error.problem, error.remedy)

    def _fail(self, key: str, problem: str, remedy: str) -> NoReturn:
        raise ConfigError(str(self.path), key, problem, remedy)
