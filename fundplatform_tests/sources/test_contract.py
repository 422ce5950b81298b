"""Each law of the contract fires: a sound toy source passes, one broken in one way does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import polars as pl
import pytest

from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    Batch,
    Coverage,
    Kind,
    SourceSpec,
    batch_schema,
)
from fundplatform_tests.sources.contract import NOW, Facts, SourceContract

DAYS = [date(2024, 1, d) for d in (2, 3, 4, 5)]
HASH = "0123456789abcdef" * 4
SPEC = SourceSpec(
    name="toy",
    title="Toy",
    asset_class="equity",
    market="US",
    quote="USD",
    kinds={Kind.OHLCV: Coverage("XNYS", DAYS[0], DAYS[-1])},
    description="Four bars.",
)


def batch(first: date, last: date, now: datetime) -> Batch:
    """Four bars and one refused row of the second day: five vendor rows."""
    rows = pl.DataFrame({"session": DAYS, "close": [1.0, 2.0, 3.0, 4.0]}).with_columns(
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        vendor_symbol=pl.lit("toy"),
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        adjustment=pl.lit("none"),
        payload_hash=pl.lit(HASH),
        fetched_at=pl.lit(now),
    )
    refused = {"payload_hash": HASH, "row_number": 5, "session": DAYS[1], "rule": "unparseable"}
    rejected = pl.DataFrame([refused], schema=REJECT_SCHEMA)
    payload = {"payload_hash": HASH, "name": "toy.csv", "bytes": 9, "rows": 5, "fetched_at": now}
    within = pl.col("session").is_between(first, last)
    schema = batch_schema(Kind.OHLCV)
    own = [pl.col(n) if n in rows.columns else pl.lit(None).alias(n) for n in schema]
    return Batch(
        rows.select(own).cast(dict(schema)).filter(within),
        rejected.filter(within),
        pl.DataFrame([payload], schema=PAYLOAD_SCHEMA),
    )


def listing() -> pl.DataFrame:
    row = {n: "toy" for n in LISTING_SCHEMA} | {"valid_from": DAYS[0], "valid_to": DAYS[-1]}
    return pl.DataFrame([row], schema=LISTING_SCHEMA)


@dataclass(frozen=True)
class Toy:
    """A sound source; each argument breaks it in one way."""

    spec: SourceSpec = SPEC
    listed: pl.DataFrame = field(default_factory=listing)
    change: Callable[[Batch, date, date], Batch] = lambda batch, _first, _last: batch

    def listings(self, kind: Kind) -> pl.DataFrame:
        return self.listed

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        return self.change(batch(first, last, now), first, last)


class TestToy(SourceContract):
    facts: ClassVar[Mapping[Kind, Facts]] = {
        Kind.OHLCV: Facts(
            rows=5,
            rejected=1,
            first=DAYS[1],
            last=DAYS[2],
            count=2,
            row={"vendor_symbol": "toy", "session": DAYS[1], "close": 2.0, "volume": None},
        )
    }

    def make(self) -> Toy:
        return Toy()


def rows(*columns: pl.Expr, **named: pl.Expr) -> Toy:
    """A toy whose rows have other values in some columns."""
    return frames(lambda b: replace(b, rows=b.rows.with_columns(*columns, **named)))


def frames(change: Callable[[Batch], Batch]) -> Toy:
    return Toy(change=lambda b, *_: change(b))


def spec(**changes: Any) -> Toy:  # noqa: ANN401 - fields of the spec
    return Toy(replace(SPEC, **changes))


def listed(**columns: pl.Expr) -> Toy:
    return Toy(listed=listing().with_columns(**columns))


def shorter(b: Batch, first: date, last: date) -> Batch:
    """The newest row only, whatever was asked."""
    return replace(b, rows=b.rows.tail(1)) if first == DAYS[0] and last > DAYS[2] else b


def forgets_rejects(b: Batch, first: date, last: date) -> Batch:
    return b if (first, last) == (DAYS[0], DAYS[-1]) else replace(b, rejected=b.rejected.clear())


def answers_anyway(_b: Batch, _first: date, _last: date) -> Batch:
    return batch(DAYS[0], DAYS[-1], NOW)


def moody(b: Batch, *_: date) -> Batch:
    """Other values on another day: what a vendor that adjusts its history does."""
    return replace(b, rows=b.rows.with_columns(pl.col("close") + pl.col("fetched_at").dt.day()))


def number_of_rejects(b: Batch, *_: date) -> Batch:
    day = b.payloads["fetched_at"].dt.day().cast(pl.Int64).first()
    return replace(b, rejected=b.rejected.with_columns(row_number=pl.lit(day)))


class Elsewhere(Toy):
    """A source whose module brings the orchestrator in."""


Elsewhere.__module__ = "dagster"


class Nowhere(Toy):
    """A source whose module does not exist."""


Nowhere.__module__ = "fundplatform.sources.no_such_source"

SUNDAY = date(2024, 1, 7)
CASES: list[tuple[str, Toy, str]] = [
    ("test_spec_is_well_formed", spec(name="Toy-1"), "name 'Toy-1'"),
    ("test_spec_is_well_formed", spec(adjustment="all"), "adjustment 'all'"),
    ("test_spec_is_well_formed", spec(description=" "), "must be given"),
    ("test_spec_is_well_formed", spec(kinds={}), "no kind"),
    (
        "test_spec_is_well_formed",
        spec(kinds={"bars": Coverage("XNYS", DAYS[0])}),
        "unknown kind 'bars'",
    ),
    (
        "test_spec_is_well_formed",
        spec(kinds={Kind.OHLCV: Coverage("XNYS", DAYS[1], DAYS[0])}),
        "end < start",
    ),
    (
        "test_facts_name_every_kind",
        spec(kinds={**SPEC.kinds, Kind.FX: Coverage("24/5", DAYS[0])}),
        "give Facts",
    ),
    ("test_known_row", rows(pl.col("close") * 2), "known row"),
    ("test_known_row", rows(volume=pl.lit(0.0)), "known row"),
    ("test_rows_of_the_range", frames(lambda b: replace(b, rows=b.rows.head(1))), "1 rows in"),
    ("test_total_rows", frames(lambda b: replace(b, rows=b.rows.tail(3))), "known is"),
    ("test_total_rows", frames(lambda b: replace(b, rejected=b.rejected.clear())), "known is"),
    (
        "test_every_vendor_row_is_counted",
        frames(lambda b: replace(b, payloads=b.payloads.with_columns(pl.col("rows") + 1))),
        "5 rows out of 6",
    ),
    ("test_schemas_are_exact", rows(pl.col("volume").cast(pl.Float32)), "rows: schema"),
    ("test_schemas_are_exact", rows(extra=pl.lit(1)), "rows: schema"),
    (
        "test_schemas_are_exact",
        rows(pl.col("bar_open_at").dt.replace_time_zone(None)),
        "rows: schema",
    ),
    (
        "test_schemas_are_exact",
        frames(lambda b: replace(b, rejected=b.rejected.drop("rule"))),
        "rejected: schema",
    ),
    (
        "test_schemas_are_exact",
        frames(lambda b: replace(b, payloads=b.payloads.drop("name"))),
        "payloads: schema",
    ),
    ("test_schemas_are_exact", listed(valid_from=pl.lit("2024-01-02")), "listings: schema"),
    ("test_required_values_are_there", rows(quote=pl.lit(None, pl.String)), "NULL in quote"),
    (
        "test_required_values_are_there",
        rows(vendor_symbol=pl.lit(None, pl.String)),
        "NULL in vendor_symbol",
    ),
    (
        "test_keys_are_unique",
        frames(lambda b: replace(b, rows=pl.concat([b.rows, b.rows.head(1)]))),
        "doubled key",
    ),
    (
        "test_sessions_stay_in_the_range",
        Toy(change=lambda b, first, _: batch(first, DAYS[-1], NOW)),
        "outside the range",
    ),
    (
        "test_sessions_stay_in_the_range",
        frames(lambda b: replace(b, rows=b.rows.reverse())),
        "not sorted",
    ),
    ("test_sessions_are_of_the_calendar", rows(session=pl.lit(SUNDAY)), "no sessions of"),
    (
        "test_instants_are_sound",
        rows(pl.col("fetched_at") + timedelta(minutes=1)),
        "fetched_at after now",
    ),
    (
        "test_instants_are_sound",
        rows(pl.col("bar_open_at") + timedelta(hours=21)),
        "opens at 00:00 UTC",
    ),
    (
        "test_hashes_name_the_payloads",
        frames(
            lambda b: replace(
                b,
                rows=b.rows.with_columns(payload_hash=pl.lit("md5")),
                rejected=b.rejected.clear(),
                payloads=b.payloads.with_columns(payload_hash=pl.lit("md5")),
            )
        ),
        "no SHA-256",
    ),
    ("test_hashes_name_the_payloads", rows(payload_hash=pl.lit("f" * 64)), "without payload"),
    (
        "test_hashes_name_the_payloads",
        frames(
            lambda b: replace(b, rejected=b.rejected.with_columns(payload_hash=pl.lit("e" * 64)))
        ),
        "without payload",
    ),
    ("test_listings_are_sound", listed(symbol=pl.lit("")), "without identity"),
    ("test_listings_are_sound", listed(market=pl.lit(None, pl.String)), "without identity"),
    ("test_listings_are_sound", listed(valid_to=pl.lit(date(2023, 1, 1))), "ends before"),
    ("test_listings_are_sound", Toy(listed=pl.concat([listing()] * 2)), "overlap"),
    ("test_listings_cover_the_rows", listed(vendor_symbol=pl.lit("other")), "not in the listings"),
    ("test_listings_cover_the_rows", listed(valid_to=pl.lit(DAYS[1])), "outside every listing"),
    ("test_same_range_twice_is_equal", Toy(change=moody), "rows differ"),
    ("test_same_range_twice_is_equal", Toy(change=number_of_rejects), "rejected rows differ"),
    ("test_two_halves_make_the_whole", Toy(change=shorter), "halves are not the whole"),
    ("test_two_halves_make_the_whole", Toy(change=forgets_rejects), "rejects of halves"),
    ("test_outside_the_coverage_is_empty", Toy(change=answers_anyway), "where there are none"),
    (
        "test_outside_the_coverage_is_empty",
        frames(lambda b: b if b.rows.height else replace(b, rows=pl.DataFrame())),
        "other schema",
    ),
    ("test_module_imports_no_orchestrator", Elsewhere(), "imports .*dagster"),
    ("test_module_imports_no_orchestrator", Nowhere(), "cannot be imported"),
]


@pytest.mark.parametrize(("law", "broken", "message"), CASES)
def test_a_broken_source_fails_its_law(law: str, broken: Toy, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(TestToy(), law)(broken)


def test_every_law_has_a_broken_case() -> None:
    laws = {name for name in vars(SourceContract) if name.startswith("test_")}
    assert laws == {law for law, _, _ in CASES}


def test_a_growing_source_needs_an_end_to_test_to() -> None:
    growing = spec(kinds={Kind.OHLCV: Coverage("XNYS", DAYS[0])})
    with pytest.raises(AssertionError, match=r"give Facts.until"):
        TestToy().test_total_rows(growing)


def test_now_is_aware() -> None:
    assert NOW.tzinfo is UTC
