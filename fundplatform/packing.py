"""Several key columns as one whole number: sorting and comparing it is many times faster.

Exact or not at all: where the columns do not fit (NULLs, floats, too wide a range), there is no
number and the caller takes the columns themselves. Frames in, one series out.
"""

from collections.abc import Sequence

import polars as pl

# A wide range of instants shrinks when all of them are whole days or seconds.
_STEPS_US = (86_400_000_000, 1_000_000)
_ROOM = 2**62
# Below, the ordinary way is as fast.
_WORTH_IT = 10_000


def telling(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """The columns that hold more than one value (NULL counts as one), in the order given."""
    if frame.is_empty():
        return []
    first = [pl.col(n).ne_missing(pl.col(n).first()).any() for n in names]
    return [n for n, varies in zip(names, frame.select(first).row(0), strict=True) if varies]


def packed(frame: pl.DataFrame, names: Sequence[str]) -> pl.Series | None:
    """One Int64 per row that orders and equals as the columns do, first column first.

    Args:
        frame: Any frame.
        names: Its columns; those of one value change nothing and may be left out.

    Returns:
        The numbers, or None where the columns cannot be packed exactly, or the frame is so small
        that it is not worth it.
    """
    if frame.height < _WORTH_IT or not names:
        return None
    place, room = pl.lit(0, pl.Int64), 1
    digits: list[pl.Series] = []
    for n in names:
        found = _digits(frame[n])
        if found is None:
            return None
        values, size = found
        room *= size
        if room > _ROOM:
            return None
        place = place * size + pl.col(n)
        digits.append(values.alias(n))
    return pl.DataFrame(digits).select(_packed=place).to_series()


def in_order(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame sorted by the columns, ascending; equal rows come in any order."""
    by = telling(frame, names)
    if not by:
        return frame
    place = packed(frame, by)
    if place is None:
        return frame.sort(by)
    return frame if place.is_sorted() else frame[place.arg_sort()]


def copies(frame: pl.DataFrame, key: Sequence[str]) -> pl.Expr:
    """How many rows of the frame have this row's key; NULL equals NULL."""
    by = telling(frame, key)
    place = packed(frame, by)
    if place is not None and place.n_unique() == frame.height:
        return pl.lit(1)
    return pl.len().over(by or list(key))


def _digits(values: pl.Series) -> tuple[pl.Series, int] | None:
    """The column as whole numbers from 0, and how many there can be; None where it has none."""
    if values.null_count():
        return None
    if values.dtype == pl.String():
        names = pl.Enum(values.unique().sort())
        return values.cast(names).to_physical().cast(pl.Int64()), len(names.categories)
    if not (values.dtype.is_integer() or values.dtype.is_temporal()):
        return None
    if values.dtype in (pl.UInt64(), pl.Int128()):
        return None
    whole = values.to_physical().cast(pl.Int64())
    low, high = whole.min(), whole.max()
    if not isinstance(low, int) or not isinstance(high, int) or high - low > _ROOM:
        return None
    whole = whole - low
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_unit == "us":
        for step in _STEPS_US:
            if not (whole % step != 0).any():
                return whole // step, (high - low) // step + 1
    return whole, high - low + 1
