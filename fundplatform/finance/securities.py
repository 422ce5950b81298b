"""What a listed instrument is: common stock or not, domestic or not, and whose line it is.

By rule on symbol, name, country and CIK; nothing is looked up. In: catalog.instruments and
raw.profiles. Out: rows of catalog.securities, today's and as of each change. Universes and caps
read them.
"""

import polars as pl

from fundplatform.finance.profile_history import NEVER
from fundplatform.tables import SECURITIES

VERSION = 1
"""Raised when the same names come to be something else."""

HOME = ("united states", "usa", "us")
"""How sources write the country of US companies."""

# The first that fits. In names, and in the suffix that exchanges put after a separator.
_TYPES: tuple[tuple[str, str, str], ...] = (
    ("warrant", r"\bwarrants?\b", r"[.\-/+](w|ws|wt|wts|w[a-c])$"),
    ("right", r"\brights?\b", r"[.\-/](r|rt|ri)$"),
    ("unit", r"\bunits?\b(, each|\b.*\bone\b|$)", r"[.\-/=](u|un)$"),
    ("preferred", r"\bpreferred\b|\bpreference\b|\bpfd\b", r"([\^$]|[.\-/]p(r)?[.\-/]?)[a-z]?$"),
    ("note", r"\b(notes?|debentures?|bonds?)\b.*(\bdue\b|%)|\bsubordinated\b", r"$^"),
    ("fund", r"\b(etf|etn|fund|funds|closed[- ]end)\b", r"$^"),
)
_RECEIPT = r"\b(american|global) deposit[ao]ry|\badrs?\b|\bads\b|\bdepositary (shares?|receipts?)"
_CLASS_OF_NAME = r"\bclass ([a-z])\b"
_CLASS_OF_SYMBOL = r"[.\-/]([a-e])$"
_ISSUER_NOISE = (
    r"\b(class [a-z]|series [a-z]|common|ordinary|capital|voting|non-?voting|subordinate|stock"
    r"|shares?|new|the|inc|corp|corporation|company|co|ltd|plc|holdings?|group)\b|[^a-z0-9 ]"
)

_SCHEMA = pl.Schema(
    {n: t for n, t in SECURITIES.polars_schema.items() if n not in SECURITIES.stamps}
)


def classify(instruments: pl.DataFrame, profiles: pl.DataFrame) -> pl.DataFrame:
    """One row per instrument of class equity, etf or fund (catalog.securities without stamps).

    Type: by name, else by the symbol's suffix; etf and fund are funds; else common. Domestic: a
    receipt is not; else by the profile's country; NULL where nothing is known. Issuer: the CIK,
    else the name without class, legal form and kind of share; NULL without either. Of several
    profiles of an instrument the one of the lowest source_id with the value counts.
    """
    told = _told(profiles, "instrument_id")
    rows = _listed(instruments).join(told, on="instrument_id", how="left")
    return _classified(rows).select(_SCHEMA.names()).sort("instrument_id")


def history(instruments: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`classify` at each moment that a profile changed, and by name and symbol alone before.

    Args:
        instruments: catalog.instruments.
        known: `profile_history.as_known`.

    Returns:
        The columns of `classify`, and known_at: NULL on the row that holds before any profile.
    """
    before = classify(instruments, known.clear()).with_columns(known_at=NEVER)
    rows = _listed(instruments).join(_told(known, "instrument_id", "known_at"), on="instrument_id")
    columns = [*_SCHEMA.names(), "known_at"]
    found = pl.concat([before.select(columns), _classified(rows).select(columns)])
    return found.sort("instrument_id", "known_at", nulls_last=False)


def _told(profiles: pl.DataFrame, *by: str) -> pl.DataFrame:
    own = profiles.sort("source_id").group_by(by)
    told = own.agg(pl.col(n).drop_nulls().first() for n in ("name", "country", "cik"))
    return told.rename({"name": "profile_name"})


def _listed(instruments: pl.DataFrame) -> pl.DataFrame:
    return instruments.filter(pl.col("asset_class").is_in(["equity", "etf", "fund"]))


def _classified(told: pl.DataFrame) -> pl.DataFrame:
    rows = told.with_columns(
        _name=pl.coalesce("profile_name", "name").str.to_lowercase(),
        _symbol=pl.col("symbol").str.to_lowercase(),
    ).with_columns(_country=pl.col("country").str.to_lowercase().str.strip_chars())
    kind, why = _kind()
    receipt = pl.col("_name").str.contains(_RECEIPT).fill_null(value=False)
    domestic = (
        pl.when(receipt & (kind != "preferred"))
        .then(pl.lit(value=False))
        .otherwise(pl.col("_country").is_in(HOME))
    )
    issuer = pl.coalesce(
        pl.format("CIK {}", "cik"),
        pl.col("_name")
        .str.replace_all(_ISSUER_NOISE, " ")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars()
        .replace("", None),
    )
    return rows.with_columns(
        security_type=kind,
        domestic=domestic,
        issuer=issuer,
        share_class=pl.coalesce(
            pl.col("_symbol").str.extract(_CLASS_OF_SYMBOL),
            pl.col("_name").str.extract(_CLASS_OF_NAME),
        ).str.to_uppercase(),
        reason=pl.concat_str(
            why,
            pl.when(receipt).then(pl.lit("; a receipt by its name"))
            .when(pl.col("country").is_not_null()).then(pl.format("; of {}", "country"))
            .otherwise(pl.lit("; no country known")),
        ),
    ).with_columns(pl.col(n).cast(t) for n, t in _SCHEMA.items())  # fmt: skip


def us_common() -> pl.Expr:
    """The rule of a US common-stock universe, on rows of catalog.securities.

    A company of which nobody says the country stays: that there is no source of profiles
    must not mean an empty universe.
    """
    return (pl.col("security_type") == "common") & pl.col("domestic").fill_null(value=True)


def why_not_us_common() -> pl.Expr:
    """What `us_common` refuses, in words; NULL where it does not."""
    other = pl.format("a {}, not common stock", "security_type")
    return (
        pl.when(pl.col("security_type") != "common")
        .then(other)
        .when(~pl.col("domestic"))
        .then(pl.lit("a foreign company"))
    )


def _kind() -> tuple[pl.Expr, pl.Expr]:
    kind, why = pl.lit("common"), pl.lit("nothing says otherwise")
    kind = pl.when(pl.col("asset_class") != "equity").then(pl.lit("fund")).otherwise(kind)
    why = pl.when(pl.col("asset_class") != "equity").then(pl.lit("by its class")).otherwise(why)
    for part, text in (("_symbol", "by its symbol"), ("_name", "by its name")):
        for name, in_name, in_symbol in reversed(_TYPES):
            pattern = in_name if part == "_name" else in_symbol
            fits = pl.col(part).str.contains(pattern).fill_null(value=False)
            kind = pl.when(fits).then(pl.lit(name)).otherwise(kind)
            why = pl.when(fits).then(pl.lit(text)).otherwise(why)
    return kind, why
