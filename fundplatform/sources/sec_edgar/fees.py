"""Expense ratios out of the SEC's quarterly prospectus data sets (risk/return summaries).

In: the bytes of a quarter's zip. Out: one row a filing and share class. Ratios are decimals there
(0.0009 = 0.09 %); a few filers wrote percents, and those rows are rejected.
"""

import io
import zipfile
import zlib
from datetime import date

import polars as pl

from fundplatform.sources.sec_edgar.profile import NAME, filed_at
from fundplatform.sources.web.columns import not_finite, number, split
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import changed

_FOLDER = "/files/dera/data/mutual-fund-prospectus-risk/return-summary-data-sets"
_NET, _TOTAL = "NetExpensesOverAssets", "ExpensesOverAssets"
_NUM = ("adsh", "tag", "ddate", "series", "class", "value")
_SUB = ("adsh", "name", "filed", "effdate")
LARGEST = {_NET: 0.25, _TOTAL: 1.0}
"""Ratios above it are percents by mistake: no fund nets a quarter of its assets a year, and even
a new fund's costs before waivers stay below its assets."""


def quarter(day: date) -> str:
    """2024q4, as the files are named."""
    return f"{day.year}q{(day.month + 2) // 3}"


def quarter_path(name: str) -> str:
    """The address of a quarter's data set."""
    return f"{_FOLDER}/{name}_rr1.zip"


def parse_fees(body: bytes, classes: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ratios of some share classes, by filing.

    A filing may repeat last year's ratio: the newest date counts; several numbers of one date
    reject each other.

    Args:
        body: The zip.
        classes: Class ids (C000...) wanted.

    Returns:
        `row_number` (in num.tsv), `share_class`, `series`, `reference` (accession number),
        `issuer`, `effective_on`, `session` (filed), `known_at`, `expense_ratio`,
        `gross_expense_ratio`; and rejects.

    Raises:
        VendorError: TRUNCATED (no whole zip) or SCHEMA_CHANGED, naming the member or column.
    """
    sub, num = _member(body, "sub.tsv", _SUB), _member(body, "num.tsv", _NUM)
    facts = num.filter(
        pl.col("tag").is_in([_NET, _TOTAL]), pl.col("class").is_in(classes.implode())
    ).join(sub, on="adsh", how="left")
    good, rejected = split(
        facts.with_columns(_ymd("filed"), _ymd("effdate"), vendor_class="class"),
        {
            "the filing is missing in sub.tsv": pl.col("filed").is_null(),
            "value is no number": not_finite("value"),
            "value is negative": number("value") < 0,
            **{
                f"{tag} is too large for a decimal": (pl.col("tag") == tag)
                & (number("value") > most)
                for tag, most in LARGEST.items()
            },
        },
    )
    keyed = good.filter(pl.col("value").is_not_null()).with_columns(ratio=number("value"))
    per = ["adsh", "class", "tag"]
    newest = keyed.filter(pl.col("ddate") == pl.col("ddate").max().over(per))
    several = pl.col("ratio").n_unique().over(per) > 1
    _, doubled = split(newest, {"the filing states several values for one date": several})
    single = newest.filter(~several).unique(per, keep="first", maintain_order=True)
    return _filings(single), pl.concat([rejected, doubled]).sort("row_number")


def _filings(facts: pl.DataFrame) -> pl.DataFrame:
    ratio = {tag: pl.col("ratio").filter(pl.col("tag") == tag).first() for tag in LARGEST}
    return (
        facts.group_by("adsh", "class", maintain_order=True)
        .agg(
            pl.col("row_number", "series", "name", "filed", "effdate").first(),
            net=ratio[_NET],
            total=ratio[_TOTAL],
        )
        .select(
            "row_number",
            "series",
            share_class="class",
            reference="adsh",
            issuer="name",
            # Filed before it takes effect: it holds from then; amendments may state no date.
            effective_on=pl.coalesce("effdate", "filed"),
            session="filed",
            known_at=filed_at("filed"),
            # Only funds with a waiver state a net ratio.
            expense_ratio=pl.coalesce("net", "total"),
            gross_expense_ratio="total",
        )
    )


def _ymd(name: str) -> pl.Expr:
    return pl.col(name).str.to_date("%Y%m%d", strict=False)


def _member(body: bytes, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            text = archive.read(name)
    except KeyError:
        raise changed(NAME, f"file {name}", "is missing in the data set") from None
    except (zipfile.BadZipFile, zlib.error) as error:
        problem = f"the data set is damaged ({error})"
        raise VendorError(NAME, Failure.TRUNCATED, problem, "Fetch it again") from None
    first = text[: text.find(b"\n")].decode("utf-8", "replace").rstrip("\r").split("\t")
    missing = [column for column in columns if column not in first]
    if missing:
        raise changed(NAME, f"column {missing[0]} of {name}", "is missing")
    frame = pl.read_csv(
        text,
        separator="\t",
        quote_char=None,
        infer_schema=False,
        columns=list(columns),
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
    return frame.with_row_index("row_number", offset=1) if name == "num.tsv" else frame
