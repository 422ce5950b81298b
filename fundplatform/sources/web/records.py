"""JSON records -> typed columns: what a vendor's list of objects becomes before it gets a meaning.

In: an answer's bytes and the fields its rows must have. Out: typed columns and the rows that could
not be read. What a field means, and whether the answer is complete, is the vendor file's.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from fundplatform.sources.web.failures import Failure, VendorError

Type = Literal["number", "whole", "text", "date"]

_TYPES: dict[Type, pl.DataType] = {
    "number": pl.Float64(),
    "whole": pl.Int64(),
    "text": pl.String(),
    "date": pl.Date(),
}
_WORDS: dict[Type, str] = {
    "number": "a number",
    "whole": "a whole number",
    "text": "text",
    "date": "a date like 2024-01-31",
}
REJECTED = pl.Schema(
    {
        "row_number": pl.Int64(),
        "session": pl.Date(),
        "vendor_symbol": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
        "row": pl.String(),
    }
)
"""Rejects of one answer, as `Collector.add` takes them."""


@dataclass(frozen=True)
class Field:
    """One field of a vendor's rows.

    Attributes:
        name: As the vendor writes it.
        column: What it becomes.
        type: number (f64, from numbers or their texts), whole (i64), text, date (ISO text).
        required: The answer must have it: absent from every row means that the schema changed.
        key: A row without it is rejected: it cannot be placed.
    """

    name: str
    column: str
    type: Type
    required: bool = True
    key: bool = False


def document(source: str, body: bytes) -> dict[str, object]:
    """The answer's JSON object.

    Raises:
        VendorError: It ends early (TRUNCATED), or is no JSON object (SCHEMA_CHANGED).
    """
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
            raise VendorError(
                source, Failure.TRUNCATED, "the answer ends early", "Fetch it again"
            ) from None
        raise changed(source, "the answer", f"is no JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise changed(source, "the answer", "is no text") from None
    if not isinstance(found, dict):
        raise changed(source, "the answer", f"is {_kind(found)} instead of an object")
    return found


def rows_of(source: str, found: Mapping[str, object], name: str) -> list[object]:
    """The list under `name`.

    Raises:
        VendorError: SCHEMA_CHANGED: it is not there, or no list.
    """
    if name not in found:
        raise changed(source, f"field {name}", "is missing")
    rows = found[name]
    if not isinstance(rows, list):
        raise changed(source, f"field {name}", f"is {_kind(rows)} instead of a list")
    return rows


def typed(
    source: str, rows: Sequence[object], fields: Sequence[Field]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows as columns, and those that cannot be read.

    A value that cannot be read rejects its row (`unparseable`), as does an absent or empty key
    (`missing_key`); other absent values and JSON nulls are NULL.

    Args:
        source: Name, for the error.
        rows: The vendor's list.
        fields: What its objects must have.

    Returns:
        `row_number` (1-based) and the fields' columns, readable rows only; and REJECTED.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field that no row has or that is of another type
            in every row.
    """
    objects = [row if isinstance(row, dict) else {} for row in rows]
    faults = {
        n: ("unparseable", f"the row is {_kind(row)} instead of an object")
        for n, row in enumerate(rows)
        if not isinstance(row, dict)
    }
    if rows and len(faults) == len(rows):
        raise changed(source, "each row", f"is {_kind(rows[0])} instead of an object")
    columns: dict[str, pl.Series] = {}
    for field in fields:
        values = [row.get(field.name) for row in objects]
        if rows and field.required and not any(field.name in row for row in objects):
            raise changed(source, f"field {field.name}", "is missing")
        columns[field.column], wrong = _column(field, values)
        _refuse_changed(source, field, values, wrong)
        for n in wrong:
            reason = f"{field.name}: {_shown(values[n])} is not {_WORDS[field.type]}"
            faults.setdefault(n, ("unparseable", reason))
        if field.key:
            for n in columns[field.column].is_null().arg_true():
                faults.setdefault(int(n), ("missing_key", f"{field.name} is missing"))
    frame = pl.DataFrame({"row_number": pl.int_range(1, len(rows) + 1, eager=True), **columns})
    if not faults:
        return frame, REJECTED.to_frame()
    good = frame.filter(~pl.col("row_number").is_in([n + 1 for n in faults]))
    return good, _rejected(rows, frame, faults)


def changed(source: str, what: str, problem: str) -> VendorError:
    """The error for an answer in another shape than documented."""
    return VendorError(
        source,
        Failure.SCHEMA_CHANGED,
        f"{what} {problem}",
        "The answer is kept in the archive; compare it with the vendor's documentation",
    )


def rejects_of(frame: pl.DataFrame, rule: str, reason: pl.Expr) -> pl.DataFrame:
    """Typed rows that may not stay, as REJECTED.

    Args:
        frame: Rows with `row_number`, and `session` and `vendor_symbol` where they have them.
        rule: Rule of `raw.rejected`.
        reason: Text that says what is wrong, over the columns of `frame`.
    """
    texts = [json.dumps(row, default=str) for row in frame.iter_rows(named=True)]
    given = frame.with_columns(
        *(pl.lit(None).alias(n) for n in ("session", "vendor_symbol") if n not in frame.columns),
        rule=pl.lit(rule),
        reason=reason,
        row=pl.Series("row", texts, pl.String()),
    )
    return given.select(pl.col(n).cast(t) for n, t in REJECTED.items())


def _refuse_changed(
    source: str, field: Field, values: Sequence[object], wrong: Sequence[int]
) -> None:
    """A type that changed in every row is the vendor's news; one bad value is a bad row."""
    given = [v for v in values if v is not None]
    if not wrong or len(wrong) < len(given):
        return
    example = values[wrong[0]]
    if len(wrong) > 1 or not isinstance(example, (str, float, int)) or isinstance(example, bool):
        raise changed(
            source,
            f"field {field.name}",
            f"is no longer {_WORDS[field.type]} ({_kind(example)} in every row)",
        )


def _column(field: Field, values: Sequence[object]) -> tuple[pl.Series, list[int]]:
    """The column, and the places of the values that cannot be read."""
    read = _READ[field.type]
    found: list[object] = []
    wrong: list[int] = []
    for n, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
        except (ValueError, TypeError, OverflowError):
            found.append(None)
            wrong.append(n)
    return pl.Series(field.column, found, _TYPES[field.type]), wrong


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    if isinstance(value, str) and "_" in value:
        raise ValueError  # Python reads 1_000, no vendor writes it
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole(value: object) -> int:
    if type(value) is int:
        number = value
    elif isinstance(value, str) and value.lstrip("-").isdigit():
        number = int(value)
    else:
        exact = _number(value)
        number = int(exact)
        if number != exact:
            raise ValueError
    if abs(number) >= 2**63:
        raise OverflowError
    return number


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        raise TypeError
    return value.strip() or None


def _date(value: object) -> date | None:
    if not isinstance(value, str):
        raise TypeError
    if not value:
        return None
    return date.fromisoformat(value[:10])


_READ: dict[Type, Callable[[object], object]] = {
    "number": _number,
    "whole": _whole,
    "text": _text,
    "date": _date,
}


def _rejected(
    rows: Sequence[object], frame: pl.DataFrame, faults: Mapping[int, tuple[str, str]]
) -> pl.DataFrame:
    def known(name: str, n: int) -> object:
        return frame[name][n] if name in frame.columns else None

    found = [
        (
            n + 1,
            known("session", n),
            known("vendor_symbol", n),
            faults[n][0],
            faults[n][1],
            json.dumps(rows[n]),
        )
        for n in sorted(faults)
    ]
    return pl.DataFrame(found, schema=REJECTED, orient="row")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
