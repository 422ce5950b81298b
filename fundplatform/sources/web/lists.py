"""Answers that are lists of lists (candles, trades): cells -> numbers, exactly parsed.

What the columns mean is the vendor's; identity and sessions are `pairs.py`'s. In: one answer. Out:
the rows that can be read, and the others with their reason.
"""

import json
from dataclasses import dataclass

import polars as pl

from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Reply

UNREAD = pl.Schema({"row_number": pl.Int64(), "reason": pl.String(), "row": pl.String()})
"""Rows that cannot be read: place in the answer from 1, why, and the row (JSON)."""

_NUMBER = frozenset({str, int, float, type(None)})


def decoded(source: str, reply: Reply) -> object:
    """The answer's JSON.

    Raises:
        VendorError: It is none (schema_changed).
    """
    try:
        return json.loads(reply.body)
    except ValueError as error:
        raise changed(source, reply, f"the answer is no JSON: {error}") from error


def changed(source: str, reply: Reply, problem: str) -> VendorError:
    """The answer is not what the vendor documents."""
    return VendorError(
        source,
        Failure.SCHEMA_CHANGED,
        problem,
        "Compare the kept payload with the vendor's documentation and correct the parser",
        payload_hash=reply.digest,
    )


@dataclass(frozen=True)
class Layout:
    """What stands where in a row.

    Attributes:
        source: The source, for errors.
        fields: Names by place; a row may be longer.
        texts: Fields that are no numbers; they are left out.
    """

    source: str
    fields: tuple[str, ...]
    texts: frozenset[str] = frozenset()

    def read(self, reply: Reply, rows: object) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of one answer as numbers.

        Args:
            reply: The answer, for its hash.
            rows: A list of lists of numbers, or of texts of numbers.

        Returns:
            The rows that can be read: row_number (from 1) and the number fields (Float64, finite).
            The others: UNREAD.

        Raises:
            VendorError: It is no list of lists; or a field is missing in every row, is a number in
                none (of several), or is an object, a list or true.
        """
        if not isinstance(rows, list):
            raise changed(self.source, reply, f"a list was expected, not {type(rows).__name__}")
        whole = [n for n, row in enumerate(rows, 1) if self._is_whole(row)]
        if rows and not whole:
            raise changed(self.source, reply, self._lacking(rows[0]))
        columns = {
            name: self._column(reply, name, [rows[n - 1][place] for n in whole])
            for place, name in enumerate(self.fields)
            if name not in self.texts
        }
        frame = pl.DataFrame({"row_number": pl.Series(whole, dtype=pl.Int64()), **columns})
        wrong = {name: ~pl.col(name).is_finite().fill_null(False) for name in columns}
        told = [pl.when(test).then(pl.lit(f"{n} is no number")) for n, test in wrong.items()]
        reason = pl.concat_str(told, separator="; ", ignore_nulls=True)
        bad = frame.select("row_number", reason=reason).filter(pl.col("reason") != "")
        good = frame.join(bad, on="row_number", how="anti", maintain_order="left")
        missing = set(range(1, len(rows) + 1)) - set(whole)
        narrow = [(n, self._lacking(rows[n - 1])) for n in sorted(missing)]
        lost = pl.concat([bad, pl.DataFrame(narrow, bad.schema, orient="row")])
        return good, originals(rows, lost)

    def _is_whole(self, row: object) -> bool:
        return isinstance(row, list) and len(row) >= len(self.fields)

    def _column(self, reply: Reply, name: str, values: list[object]) -> pl.Series:
        kinds = set(map(type, values))
        if not kinds <= _NUMBER:
            found = ", ".join(sorted(kind.__name__ for kind in kinds - _NUMBER))
            raise changed(self.source, reply, f"field {name} is of another type now: {found}")
        if str in kinds and not kinds <= {str, type(None)}:
            values = [v if v is None or isinstance(v, str) else repr(v) for v in values]
        series = pl.Series(name, values, strict=False).cast(pl.Float64(), strict=False)
        if len(values) > 1 and not series.is_finite().any():
            raise changed(
                self.source, reply, f"field {name} is a number in no row, like {values[0]!r}"
            )
        return series

    def _lacking(self, row: object) -> str:
        if not isinstance(row, list):
            return f"a row is of type {type(row).__name__}, not a list"
        return f"field {self.fields[len(row)]} is missing"


def originals(rows: object, lost: pl.DataFrame) -> pl.DataFrame:
    """UNREAD of rows that have a row_number and a reason."""
    texts = [json.dumps(rows[n - 1]) for n in lost["row_number"]] if isinstance(rows, list) else []
    return lost.select("row_number", "reason", pl.Series("row", texts, pl.String()))
