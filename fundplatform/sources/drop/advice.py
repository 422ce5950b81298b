"""What is wrong with a file as a whole, and the line to write: for people who read an error.

In: the file's first bytes, or its column names. Out: a sentence. Nothing is read or decided here.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches

_FORMS = {
    b"PK\x03\x04": "is a workbook or a zip under another name. Save it as CSV, or name it .zip",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook. Save it as CSV",
    b"\x1f\x8b": "is gzip under another name. Name it .gz",
    b"PAR1": "is Parquet under another name. Name it .parquet",
    b"\xff\xfe": "is UTF-16. Save it as UTF-8",
    b"\xfe\xff": "is UTF-16. Save it as UTF-8",
}
_DELIMITERS = {";": '";"', "\t": "tab", "|": '"|"', ",": '","'}
_DATUM = re.compile(r"[+-]?\d+([.,]\d+)?|\d{4}-\d{2}-\d{2}.*")


def no_text(content: bytes) -> str | None:
    """What bytes that are no UTF-8 are instead; None where nothing tells."""
    return next((said for start, said in _FORMS.items() if content.startswith(start)), None)


def lacking(canonical: str, names: Sequence[str]) -> str:
    """What to write where no column of `names` is `canonical`."""
    parted = [d for d in _DELIMITERS if d in names[0]] if len(names) == 1 else []
    if parted:
        return f"Say what parts its columns: delimiter: {_DELIMITERS[parted[0]]}"
    if sum(_DATUM.fullmatch(name) is not None for name in names) * 2 >= len(names):
        return (
            "Its first line looks like data: write header: false, and the columns in file order, "
            "like: columns: [symbol, session, open, high, low, close, volume] (_ for one to skip)"
        )
    return f"Name it, like: columns: {{{canonical}: {_nearest(canonical, names)}}}"


def misnamed(canonical: str, column: str, names: Sequence[str]) -> str:
    """What to write where `columns` names one that the file has not."""
    near = _nearest(column, names, canonical)
    return f"Write the name as it stands in the file, like: columns: {{{canonical}: {near}}}"


def _nearest(wanted: str, names: Sequence[str], other: str = "") -> str:
    """The name most like `wanted` (or like `other`) in any letter case; else the first."""
    lower = {name.lower(): name for name in reversed(names)}
    near = [n for w in (wanted, other) for n in get_close_matches(w.lower(), lower, n=1)]
    return lower[near[0]] if near else names[0]
