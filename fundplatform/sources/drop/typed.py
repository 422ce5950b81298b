"""Cells -> canonical columns: text, numbers, dates and instants, and which cells fail.

Nothing is guessed: dates are ISO unless `date_format` says otherwise. An empty cell is null; NaN
and inf written as numbers stay, for the validation rules to judge.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import log10

import polars as pl

from fundplatform.sources.drop.cells import ROW
from fundplatform.sources.drop.columns import Role
from fundplatform.sources.drop.values import UNIX_FORMATS

# Later than any instant a file can mean; milliseconds read as seconds land in the year 50,000.
LATEST_US = 4_102_444_800_000_000
_ISO_DAY = r"^\d{4}-\d{2}-\d{2}$"
# Midnight written out, as exchange-zone daily bars often are: the date before it is the session.
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2})[ T]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?$"
_GROUPED = r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$"
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"
# Fewer cells than this are as quickly read as sorted out.
_MANY = 10_000
_WANTED: dict[Role, str] = {
    "number": "is no number",
    "whole": "is no whole number",
    "date": "is no date",
    "instant": "is no point in time",
    "text": "is no text",
}


@dataclass(frozen=True)
class Style:
    """How cells are written.

    Attributes:
        date_format: strptime pattern or one of UNIX_FORMATS; None: ISO.
        time_zone: Of instants without an offset.
        decimal: Decimal mark of numbers in text.
        null_values: Texts that mean "no value" (not in symbols).
        units: Column -> multiplier.
    """

    date_format: str | None
    time_zone: str
    decimal: str
    null_values: tuple[str, ...]
    units: Mapping[str, float]


WRONG = "wrong"
"""Column: what is wrong with the row's cells, null where nothing is."""


def typed(
    frame: pl.DataFrame, mapping: Mapping[str, str], roles: Mapping[str, Role], style: Style
) -> pl.DataFrame:
    """Read every mapped column by its role.

    Args:
        frame: The file's columns and ROW.
        mapping: Canonical column -> the file's column.
        roles: Canonical column -> role.
        style: How the cells are written.

    Returns:
        The canonical columns (null where a cell fails), ROW and WRONG.
    """
    out: list[pl.Series] = []
    wrong: dict[int, list[str]] = {}
    for name, column in mapping.items():
        cells = frame[column]
        meant = _meant(cells, name, style)
        value = _read(meant, name, roles[name], style)
        fails = value.is_null() & meant.is_not_null()
        if fails.any():
            for number, text in zip(frame[ROW].filter(fails), cells.filter(fails), strict=True):
                reason = f"{name} {text!r} {_WANTED[roles[name]]}{_hint(text, roles[name], style)}"
                wrong.setdefault(number, []).append(reason)
        out.append(value.alias(name))
    reasons = {number: "; ".join(texts) for number, texts in wrong.items()}
    if reasons:
        found = frame[ROW].replace_strict(reasons, default=None, return_dtype=pl.String())
    else:
        found = pl.repeat(None, frame.height, dtype=pl.String(), eager=True)
    return pl.DataFrame([*out, frame[ROW], found.alias(WRONG)])


def _hint(text: object, role: Role, style: Style) -> str:
    if role not in ("date", "instant"):
        return " (see decimal)" if "," in str(text) and style.decimal == "." else ""
    return f" like {style.date_format}" if style.date_format else " in ISO form (see date_format)"


def _meant(cells: pl.Series, name: str, style: Style) -> pl.Series:
    """Text without surrounding blanks; null where it means "no value"."""
    if cells.dtype in (pl.Categorical, pl.Enum):
        cells = cells.cast(pl.String())
    if cells.dtype != pl.String():
        return cells
    missing = ["", *(style.null_values if name != "symbol" else ())]
    stripped = cells.str.strip_chars()
    return stripped.set(stripped.is_in(missing), None)


def _read(cells: pl.Series, name: str, role: Role, style: Style) -> pl.Series:
    match role:
        case "text":
            text = cells.cast(pl.String(), strict=False)
            # PostgreSQL cannot hold it, and a name with it is damaged anyhow.
            return text.set(text.str.contains("\0", literal=True), None)
        case "number":
            return _scaled(_number(cells, style), style.units.get(name))
        case "whole":
            value = _number(cells, style).fill_nan(None)
            return value.set(value != value.floor(), None).cast(pl.Int64(), strict=False)
        case "date":
            return _each_once(cells, lambda different: _date(different, style))
        case "instant":
            at = _instant(cells, style)
            # What a day says is public when it has ended: at its beginning nobody knew it.
            return (
                at.zip_with(~_is_day(cells, style), _end(at, style)) if name == "known_at" else at
            )


def _each_once(cells: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`read` of every cell, called with each different text once: a file has few days."""
    if cells.dtype != pl.String() or len(cells) < _MANY:
        return read(cells)
    different = cells.drop_nulls().unique()
    return cells.replace_strict(different, read(different), default=None, return_dtype=pl.Date())


def _number(cells: pl.Series, style: Style) -> pl.Series:
    if cells.dtype == pl.String() and style.decimal == ",":
        # A dot can only part thousands then: 1.234 is no 1.234, and 1.23 is no number.
        grouped = cells.str.contains(_GROUPED)
        cells = cells.set(cells.str.contains(".", literal=True) & ~grouped, None)
        cells = cells.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return cells.cast(pl.Float64(), strict=False)


def _scaled(value: pl.Series, unit: float | None) -> pl.Series:
    if unit is None or unit == 1:
        return value
    multiplied, places = value * unit, round(log10(unit))
    if unit != float(f"1e{places}"):
        return multiplied
    # The decimal point of the text is moved: 0.33 * 0.01 is not 0.0033, nor is 0.33 / 100, since
    # polars divides by multiplying. What is written with an exponent is multiplied.
    moved = (value.cast(pl.String()) + f"e{places}").cast(pl.Float64(), strict=False)
    return moved.zip_with(moved.is_not_null(), multiplied)


def _date(cells: pl.Series, style: Style) -> pl.Series:
    if cells.dtype == pl.Date():
        return cells
    if isinstance(cells.dtype, pl.Datetime):
        return cells.dt.date()
    form = style.date_format
    if form in UNIX_FORMATS:
        return _instant(cells, style).dt.date()
    text = cells.cast(pl.String(), strict=False)
    if form is None:
        day = text.str.extract(_MIDNIGHT) if _has_midnights(text) else text
        day = day.zip_with(day.is_not_null(), text)
        return day.set(~day.str.contains(_ISO_DAY), None).str.to_date("%Y-%m-%d", strict=False)
    if _has_hours(form):
        return _naive(text.str.to_datetime(form, time_unit="us", strict=False)).dt.date()
    return text.str.to_date(form, strict=False)


def _has_midnights(text: pl.Series) -> bool:
    return bool((text.str.len_bytes() > 10).any())


def _naive(value: pl.Series) -> pl.Series:
    return value.dt.replace_time_zone(None)


def _instant(cells: pl.Series, style: Style) -> pl.Series:
    if cells.dtype == pl.Date():
        return _in_utc(cells.cast(pl.Datetime("us")), style)
    if isinstance(cells.dtype, pl.Datetime):
        return _in_utc(cells.dt.cast_time_unit("us"), style)
    form = style.date_format
    if form in UNIX_FORMATS:
        return _since_1970(_number(cells, style), UNIX_FORMATS[form])
    text = cells.cast(pl.String(), strict=False)
    if form is not None:
        if not _has_hours(form):
            return _in_utc(text.str.to_date(form, strict=False).cast(pl.Datetime("us")), style)
        return _in_utc(text.str.to_datetime(form, time_unit="us", strict=False), style)
    return _iso_instant(text, style)


def _is_day(cells: pl.Series, style: Style) -> pl.Series:
    """Whether a cell names a day without a time."""
    form = style.date_format
    if cells.dtype == pl.String() and form is None:
        return cells.str.contains(_ISO_DAY).fill_null(False)
    hours = form is None or form in UNIX_FORMATS or _has_hours(form)
    return pl.repeat(cells.dtype == pl.Date() or not hours, len(cells), eager=True)


def _has_hours(form: str) -> bool:
    return any(mark in form for mark in ("%H", "%I", "%T"))


def _end(midnight: pl.Series, style: Style) -> pl.Series:
    """The last microsecond of the days that begin at these instants."""
    local = midnight.dt.convert_time_zone(style.time_zone).dt.offset_by("1d")
    return local.dt.convert_time_zone("UTC") - timedelta(microseconds=1)


def _since_1970(value: pl.Series, microseconds: float) -> pl.Series:
    us = (value * microseconds).round()
    us = us.set(~((us > 0) & (us < LATEST_US)), None)
    return us.cast(pl.Int64()).cast(pl.Datetime("us", "UTC"))


def _iso_instant(text: pl.Series, style: Style) -> pl.Series:
    whole = text.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00").str.replace(" ", "T")
    whole = whole.str.replace(r"(T\d{2}:\d{2})(Z|[+-]\d{2}:?\d{2})?$", "${1}:00${2}")
    has_offset = whole.str.contains(_OFFSET)
    offset = whole.str.replace("Z$", "+00:00").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", time_zone="UTC", strict=False
    )
    local = whole.set(has_offset, None).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False
    )
    return offset.zip_with(has_offset.fill_null(False), _in_utc(local, style))


def _in_utc(value: pl.Series, style: Style) -> pl.Series:
    """UTC; null where the local time does not exist, or exists twice."""
    if value.dtype.time_zone is None:  # type: ignore[attr-defined]
        value = value.dt.replace_time_zone(style.time_zone, ambiguous="null", non_existent="null")
    return value.dt.convert_time_zone("UTC")
