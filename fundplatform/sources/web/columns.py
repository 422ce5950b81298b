"""JSON objects -> text columns, a column at a time: for answers of many thousand rows.

In: a vendor's list of objects. Out: a column of texts per field, and rejects of rows that a test
refuses. Numbers become the text Python gives them back exactly; what a text means is the vendor
file's. Few rows of many types are `records.py`'s.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from fundplatform.sources.base import LISTING_SCHEMA
from fundplatform.sources.web.profile import Tracked
from fundplatform.sources.web.records import REJECTED, changed, rejects_of

_TEXT = frozenset({str, int, float, type(None)})


def texts(
    source: str, rows: Sequence[object], required: Sequence[str], optional: Sequence[str] = ()
) -> pl.DataFrame:
    """The fields of the rows as texts.

    Args:
        source: Name, for the error.
        rows: The vendor's list.
        required: Fields that the answer must have.
        optional: Fields that it may have; NULL where it has none.

    Returns:
        `row_number` (1-based) and one String column a field, blanks at the ends removed; NULL
        where a row has none.

    Raises:
        VendorError: SCHEMA_CHANGED: a row is no object; no row has a required field; a field
            holds an object, a list or a truth value. Names the field.
    """
    objects = [row for row in rows if isinstance(row, dict)]
    if len(objects) < len(rows):
        odd = next(row for row in rows if not isinstance(row, dict))
        raise changed(source, "a row", f"is a {type(odd).__name__} instead of an object")
    columns: dict[str, pl.Series] = {}
    for name in (*required, *optional):
        values = [row.get(name) for row in objects]
        kinds = set(map(type, values))
        if rows and name in required and kinds == {type(None)} and not _stands(objects, name):
            raise changed(source, f"field {name}", "is missing")
        if not kinds <= _TEXT:
            found = ", ".join(sorted(kind.__name__ for kind in kinds - _TEXT))
            raise changed(source, f"field {name}", f"is of another type now: {found}")
        if not kinds <= {str, type(None)}:
            values = [v if v is None or isinstance(v, str) else repr(v) for v in values]
        columns[name] = pl.Series(name, values, pl.String()).str.strip_chars()
    return pl.DataFrame(columns).with_row_index("row_number", offset=1)


def number(name: str) -> pl.Expr:
    """The text column as Float64; NULL where it is no number."""
    return pl.col(name).cast(pl.Float64(), strict=False)


def day(name: str) -> pl.Expr:
    """The text column (2024-01-31) as Date; NULL where it is none."""
    return pl.col(name).str.to_date("%Y-%m-%d", strict=False)


def split(frame: pl.DataFrame, tests: Mapping[str, pl.Expr]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that pass, and the others as rejects with all their reasons.

    Args:
        frame: Rows with `row_number`.
        tests: Reason -> true where a row cannot be read.
    """
    wrong = frame.select(
        pl.any_horizontal(test.fill_null(False) for test in tests.values())
    ).to_series()
    if not wrong.any():
        return frame, REJECTED.to_frame()
    reason = pl.concat_str(
        [pl.when(test).then(pl.lit(text)) for text, test in tests.items()],
        separator="; ",
        ignore_nulls=True,
    )
    return frame.filter(~wrong), rejects_of(frame.filter(wrong), "unparseable", reason)


def not_finite(name: str) -> pl.Expr:
    """True where the text is there but no finite number."""
    value = number(name)
    return pl.col(name).is_not_null() & ~value.is_finite().fill_null(False)


def listing(item: Tracked, seen: pl.Series, market: str, name: str | None = None) -> pl.DataFrame:
    """LISTING_SCHEMA of one symbol by the sessions seen; it begins when it is tracked from.

    Args:
        item: The symbol and its meaning.
        seen: Sessions of its rows, not empty.
        market: Its market.
        name: Long name.
    """
    row = (
        item.vendor_symbol,
        item.symbol,
        item.asset_class,
        market,
        item.quote,
        name,
        min(item.since, seen.min()),  # type: ignore[type-var]  # a Date series
        max(item.since, seen.max()),  # type: ignore[type-var]
    )
    return pl.DataFrame([row], LISTING_SCHEMA, orient="row")


def unseen(tracked: Sequence[Tracked], market: str) -> pl.DataFrame:
    """LISTING_SCHEMA of symbols of which nothing was fetched yet."""
    rows = [
        (t.vendor_symbol, t.symbol, t.asset_class, market, t.quote, None, t.since, t.since)
        for t in tracked
    ]
    return pl.DataFrame(rows, LISTING_SCHEMA, orient="row")


def _stands(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    return any(name in row for row in rows)
