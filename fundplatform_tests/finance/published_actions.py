"""Splits and dividends as Apple and Microsoft published them: (ex-date, amount per share)."""

from datetime import date

import polars as pl

from fundplatform.tables import CORPORATE_ACTIONS

AAPL_SPLITS = (("2000-06-21", 2), ("2005-02-28", 2), ("2014-06-09", 7), ("2020-08-31", 4))
AAPL_DIVIDENDS = (
    ("2012-08-09", 2.65), ("2012-11-07", 2.65), ("2013-02-07", 2.65), ("2013-05-09", 3.05),
    ("2013-08-08", 3.05), ("2013-11-06", 3.05), ("2014-02-06", 3.05), ("2014-05-08", 3.29),
    ("2014-08-07", 0.47), ("2014-11-06", 0.47), ("2015-02-05", 0.47), ("2015-05-07", 0.52),
    ("2015-08-06", 0.52), ("2015-11-05", 0.52), ("2016-02-04", 0.52), ("2016-05-05", 0.57),
    ("2016-08-04", 0.57), ("2016-11-03", 0.57), ("2017-02-09", 0.57), ("2017-05-11", 0.63),
    ("2017-08-10", 0.63), ("2017-11-10", 0.63), ("2018-02-09", 0.63), ("2018-05-11", 0.73),
    ("2018-08-10", 0.73), ("2018-11-08", 0.73), ("2019-02-08", 0.73), ("2019-05-10", 0.77),
    ("2019-08-09", 0.77), ("2019-11-07", 0.77), ("2020-02-07", 0.77), ("2020-05-08", 0.82),
    ("2020-08-07", 0.82), ("2020-11-06", 0.205), ("2021-02-05", 0.205),
)  # fmt: skip
MSFT_SPLITS = (("2003-02-18", 2),)
# 2004-11-15 is the special 3.00 with the usual 0.08.
MSFT_DIVIDENDS = (
    ("2003-02-19", 0.08), ("2003-10-15", 0.16), ("2004-08-23", 0.08), ("2004-11-15", 3.08),
    ("2005-02-15", 0.08), ("2005-05-16", 0.08), ("2005-08-15", 0.08), ("2005-11-15", 0.08),
    ("2006-02-15", 0.09), ("2006-05-15", 0.09), ("2006-08-15", 0.09), ("2006-11-14", 0.10),
    ("2007-02-13", 0.10), ("2007-05-15", 0.10), ("2007-08-14", 0.10), ("2007-11-13", 0.11),
    ("2008-02-19", 0.11), ("2008-05-13", 0.11), ("2008-08-19", 0.11), ("2008-11-18", 0.13),
    ("2009-02-17", 0.13), ("2009-05-19", 0.13), ("2009-08-18", 0.13), ("2009-11-17", 0.13),
    ("2010-02-16", 0.13), ("2010-05-18", 0.13), ("2010-08-17", 0.13), ("2010-11-16", 0.16),
    ("2011-02-15", 0.16), ("2011-05-17", 0.16), ("2011-08-16", 0.16), ("2011-11-15", 0.20),
    ("2012-02-14", 0.20), ("2012-05-15", 0.20), ("2012-08-14", 0.20), ("2012-11-13", 0.23),
    ("2013-02-19", 0.23),
)  # fmt: skip


def published(
    instrument: int, splits: tuple[tuple[str, int], ...], dividends: tuple[tuple[str, float], ...]
) -> pl.DataFrame:
    """raw.corporate_actions of one instrument."""
    rows = [(day, "split", float(ratio), None) for day, ratio in splits]
    rows += [(day, "dividend", None, amount) for day, amount in dividends]  # type: ignore[misc]
    known = pl.DataFrame(
        [(date.fromisoformat(day), *rest) for day, *rest in rows],
        schema={
            "ex_date": pl.Date,
            "action": pl.String,
            "ratio": pl.Float64,
            "amount": pl.Float64,
        },
        orient="row",
    )
    schema = CORPORATE_ACTIONS.polars_schema
    constants = {"source_id": 1, "instrument_id": instrument, "currency": "USD"}
    at = pl.col("ex_date").cast(pl.Datetime("us", "UTC"))
    return known.with_columns(known_at=at).select(
        (pl.col(n) if n in (*known.columns, "known_at") else pl.lit(constants.get(n)))
        .cast(t)
        .alias(n)
        for n, t in schema.items()
    )
