"""Panels: series without a gap are counted by arithmetic, as if they were looked through."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from fundplatform import calendars
from fundplatform.finance.panel_blocks import panels

SESSIONS = calendars.get("XNYS").sessions(date(2024, 1, 1), date(2024, 3, 29))


def test_series_without_a_gap_are_counted_as_if_looked_through() -> None:
    """One lasts throughout, one begins later, one ends sooner, one has a single price."""
    spans = ((0, 61), (20, 61), (0, 30), (40, 41))
    rows = pl.concat(
        pl.DataFrame({"session": SESSIONS[a:b]}).with_columns(
            instrument_id=pl.lit(n, pl.Int32),
            ret=pl.when(pl.int_range(pl.len()) > 0).then(0.01),
        )
        for n, (a, b) in enumerate(spans)
    )
    (panel,) = panels(rows, SESSIONS, SESSIONS[-1])
    assert panel.end is not None
    assert panel.end.tolist() == [60, 60, 29, 40]
    slow = replace(panel, end=None)
    asked = np.arange(-1, len(SESSIONS), dtype=np.int32)
    np.testing.assert_array_equal(panel.last_priced(asked), slow.last_priced(asked))
    np.testing.assert_array_equal(panel.last_prices, slow.last_prices)
    base = np.maximum(panel.last_priced(asked[1:] // 2), 0)
    np.testing.assert_array_equal(panel.count(base, asked[1:]), slow.count(base, asked[1:]))


def test_a_series_with_a_gap_is_looked_through() -> None:
    rows = pl.DataFrame(
        {"instrument_id": [1, 1, 1], "session": [SESSIONS[n] for n in (0, 1, 3)],
         "ret": [None, 0.1, 0.1]},
        schema_overrides={"instrument_id": pl.Int32},
    )  # fmt: skip
    (panel,) = panels(rows, SESSIONS, SESSIONS[4])
    assert panel.end is None
    assert panel.last_prices[:, 0].tolist() == [0, 1, 1, 3, 3]
