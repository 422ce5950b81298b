"""What every source must keep: subclass `SourceContract`, give a source and a few facts.

    class TestMine(SourceContract):
        facts: ClassVar = {Kind.OHLCV: Facts(rows=..., first=..., last=..., count=..., row={...})}

        def make(self) -> Source:
            return Mine()

The facts are read from the vendor's file by hand or with another tool, never printed by the
source under test. `test_contract.py` shows for each law a source that breaks it.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    Batch,
    Kind,
    Source,
    batch_schema,
)

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
FORBIDDEN = ("dagster", "duckdb", "pandas")


@dataclass(frozen=True)
class Facts:
    """What is known of one kind of a source without running it.

    Attributes:
        rows: Vendor rows over the whole coverage: rows plus rejected.
        first: First session of a range that holds rows.
        last: Last session of that range.
        count: Rows in that range.
        row: One row in that range: the columns that find it (vendor_symbol and dates) and its
            values, read by hand.
        empty: A range within the coverage that holds no row, where there is one.
        rejected: Of `rows`, those refused at load.
        until: The end to test to, for a source that still grows.
        counted: False for a source that cannot count its vendor's rows.
        off_calendar: Sessions outside the calendar that the source is known to deliver.
    """

    rows: int
    first: date
    last: date
    count: int
    row: Mapping[str, object]
    empty: tuple[date, date] | None = None
    rejected: int = 0
    until: date | None = None
    counted: bool = True
    off_calendar: frozenset[date] = frozenset()


class SourceContract:
    """The laws. A law that does not concern a kind passes over it."""

    facts: ClassVar[Mapping[Kind, Facts]] = {}

    def make(self) -> Source:
        """The source under test."""
        raise NotImplementedError

    def sessions(self, calendar: str, first: date, last: date) -> Sequence[date]:
        """The sessions of a calendar."""
        from fundplatform import calendars

        return calendars.get(calendar).sessions(first, last)

    @pytest.fixture(scope="class")
    def source(self) -> Source:
        return self.make()

    def fetch(self, source: Source, kind: Kind, now: datetime = NOW) -> Batch:
        return source.fetch(kind, *self.coverage(source, kind), now=now)

    def coverage(self, source: Source, kind: Kind) -> tuple[date, date]:
        coverage = source.spec.kinds[kind]
        end = coverage.end or self.facts[kind].until
        assert end is not None, f"{kind}: give Facts.until, the source has no end"
        return coverage.start, end

    def test_spec_is_well_formed(self, source: Source) -> None:
        spec = source.spec
        assert re.fullmatch(r"[a-z][a-z0-9_]*", spec.name), f"name {spec.name!r}"
        assert spec.adjustment in {"none", "split", "split_div"}, f"adjustment {spec.adjustment!r}"
        for text in (spec.title, spec.asset_class, spec.market, spec.quote, spec.description):
            assert text.strip(), "title, asset_class, market, quote and description must be given"
        assert spec.kinds, "the source has no kind"
        for kind, coverage in spec.kinds.items():
            assert isinstance(kind, Kind), f"unknown kind {kind!r}"
            assert coverage.end is None or coverage.start <= coverage.end, f"{kind}: end < start"

    def test_facts_name_every_kind(self, source: Source) -> None:
        assert set(self.facts) == set(source.spec.kinds), "give Facts for every kind of the spec"

    def test_known_row(self, source: Source) -> None:
        for kind, fact in self.facts.items():
            rows = source.fetch(kind, fact.first, fact.last, now=NOW).rows
            found = rows.filter(pl.col(n).eq_missing(pl.lit(v)) for n, v in fact.row.items())
            near = rows.filter(pl.col("vendor_symbol") == fact.row["vendor_symbol"]).head(5)
            assert found.height == 1, f"{kind}: known row {dict(fact.row)} not found in {near}"

    def test_rows_of_the_range(self, source: Source) -> None:
        for kind, fact in self.facts.items():
            got = source.fetch(kind, fact.first, fact.last, now=NOW).rows.height
            assert got == fact.count, f"{kind}: {got} rows in the range, known are {fact.count}"

    def test_total_rows(self, source: Source) -> None:
        for kind, fact in self.facts.items():
            batch = self.fetch(source, kind)
            got = (batch.rows.height + batch.rejected.height, batch.rejected.height)
            known = (fact.rows, fact.rejected)
            assert got == known, f"{kind}: (rows, rejected) is {got}, known is {known}"

    def test_every_vendor_row_is_counted(self, source: Source) -> None:
        for kind, fact in self.facts.items():
            batch = self.fetch(source, kind)
            got, vendor = batch.rows.height + batch.rejected.height, batch.payloads["rows"].sum()
            assert got == vendor or not fact.counted, f"{kind}: {got} rows out of {vendor}"

    def test_schemas_are_exact(self, source: Source) -> None:
        for kind in self.facts:
            batch = self.fetch(source, kind)
            for name, frame, schema in (
                ("rows", batch.rows, batch_schema(kind)),
                ("rejected", batch.rejected, REJECT_SCHEMA),
                ("payloads", batch.payloads, PAYLOAD_SCHEMA),
                ("listings", source.listings(kind), LISTING_SCHEMA),
            ):
                wrong = set(frame.schema.items()) ^ set(schema.items())
                assert frame.schema == schema, f"{kind} {name}: schema differs: {wrong}"

    def test_required_values_are_there(self, source: Source) -> None:
        for kind in self.facts:
            rows = self.fetch(source, kind).rows
            must = [c.name for c in kind.table.columns if not c.nullable and c.name in rows.columns]
            for name in ("vendor_symbol", *must):
                assert rows[name].null_count() == 0, f"{kind}: NULL in {name}"

    def test_keys_are_unique(self, source: Source) -> None:
        for kind in self.facts:
            ids = ("source_id", "instrument_id")
            key = ["vendor_symbol", *(k for k in kind.table.key if k not in ids)]
            rows = self.fetch(source, kind).rows
            doubled = rows.filter(rows.select(key).is_duplicated())
            assert doubled.is_empty(), f"{kind}: doubled key {doubled.select(key).head(5)}"

    def test_sessions_stay_in_the_range(self, source: Source) -> None:
        for kind, fact in self._partitioned(source):
            session = source.fetch(kind, fact.first, fact.last, now=NOW).rows["session"]
            outside = session.filter((session < fact.first) | (session > fact.last))
            assert outside.is_empty(), f"{kind}: outside the range: {outside.head(5).to_list()}"
            assert session.is_sorted(), f"{kind}: not sorted by session"

    def test_sessions_are_of_the_calendar(self, source: Source) -> None:
        for kind, fact in self._partitioned(source):
            first, last = self.coverage(source, kind)
            known = self.sessions(source.spec.kinds[kind].calendar, first, last)
            got = set(self.fetch(source, kind).rows["session"])
            odd = sorted(got - set(known) - fact.off_calendar)
            assert not odd, f"{kind}: no sessions of the calendar: {odd[:5]}"

    def test_instants_are_sound(self, source: Source) -> None:
        for kind in self.facts:
            rows = self.fetch(source, kind).rows
            late = rows.filter(pl.col("fetched_at") > NOW)
            assert late.is_empty(), f"{kind}: fetched_at after now"
            if kind is not Kind.OHLCV:
                continue
            label = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            odd = rows.filter(pl.col("interval") == "1d", pl.col("bar_open_at") != label)
            assert odd.is_empty(), f"{kind}: a 1d bar opens at 00:00 UTC of its session: {odd}"

    def test_hashes_name_the_payloads(self, source: Source) -> None:
        for kind in self.facts:
            batch = self.fetch(source, kind)
            known = set(batch.payloads["payload_hash"])
            used = set(batch.rows["payload_hash"]) | set(batch.rejected["payload_hash"])
            odd = [h for h in known if not re.fullmatch(r"[0-9a-f]{64}", h)]
            assert not odd, f"{kind}: payload_hash is no SHA-256 in hex: {odd[:5]}"
            assert used <= known, f"{kind}: payload_hash without payload: {used - known}"

    def test_listings_are_sound(self, source: Source) -> None:
        for kind in self.facts:
            listings = source.listings(kind)
            identity = listings.select("vendor_symbol", "symbol", "asset_class", "market", "quote")
            blank = identity.filter(pl.any_horizontal(pl.all().fill_null("") == ""))
            assert blank.is_empty(), f"{kind}: listing without identity {blank}"
            backward = listings.filter(~(pl.col("valid_from") <= pl.col("valid_to")))
            assert backward.is_empty(), f"{kind}: listing ends before it starts {backward}"
            stretches = listings.sort("vendor_symbol", "valid_from")
            before = pl.col("valid_to").shift().over("vendor_symbol")
            overlap = stretches.filter(pl.col("valid_from") <= before)
            assert overlap.is_empty(), f"{kind}: listings overlap {overlap}"

    def test_listings_cover_the_rows(self, source: Source) -> None:
        for kind in self.facts:
            rows, listings = self.fetch(source, kind).rows, source.listings(kind)
            unlisted = set(rows["vendor_symbol"]) - set(listings["vendor_symbol"])
            assert not unlisted, f"{kind}: not in the listings: {sorted(unlisted)[:5]}"
            if "session" not in rows.columns:
                continue
            within = rows.select("vendor_symbol", "session").join(listings, on="vendor_symbol")
            within = within.filter(pl.col("session").is_between("valid_from", "valid_to"))
            lost = rows.join(within, on=["vendor_symbol", "session"], how="anti")
            assert lost.is_empty(), f"{kind}: outside every listing's validity: {lost.head(5)}"

    def test_same_range_twice_is_equal(self, source: Source) -> None:
        for kind in self.facts:
            one = self.fetch(source, kind)
            two = self.fetch(source, kind, NOW + timedelta(days=1))
            assert _plain(one.rows).equals(_plain(two.rows)), f"{kind}: rows differ"
            assert one.rejected.equals(two.rejected), f"{kind}: rejected rows differ"

    def test_two_halves_make_the_whole(self, source: Source) -> None:
        for kind, _ in self._partitioned(source):
            first, last = self.coverage(source, kind)
            middle = first + (last - first) / 2
            halves = [
                source.fetch(kind, first, middle, now=NOW),
                source.fetch(kind, middle + timedelta(days=1), last, now=NOW),
            ]
            whole = self.fetch(source, kind)
            rows = pl.concat([_plain(h.rows) for h in halves])
            assert rows.equals(_plain(whole.rows)), f"{kind}: the halves are not the whole"
            key = ["payload_hash", "row_number"]
            rejected = pl.concat([h.rejected for h in halves]).unique(key).sort(key)
            assert rejected.equals(whole.rejected.sort(key)), f"{kind}: rejects of halves differ"

    def test_outside_the_coverage_is_empty(self, source: Source) -> None:
        for kind, fact in self._partitioned(source):
            first, last = self.coverage(source, kind)
            week, day = timedelta(days=7), timedelta(days=1)
            ranges = [(first - week, first - day)]
            ranges += [(last + day, last + week)] if source.spec.kinds[kind].end else []
            ranges += [fact.empty] if fact.empty else []
            for asked in ranges:
                rows = source.fetch(kind, *asked, now=NOW).rows
                assert rows.is_empty(), f"{kind}: rows in {asked}, where there are none"
                assert rows.schema == batch_schema(kind), f"{kind}: empty batch, other schema"

    def test_module_imports_no_orchestrator(self, source: Source) -> None:
        module = type(source).__module__
        code = f"import {module}, sys; print(*({set(FORBIDDEN)!r} & sys.modules.keys()))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, f"{module} cannot be imported: {done.stderr}"
        assert not done.stdout.strip(), f"{module} imports {done.stdout.strip()}: wire in assets/"

    def _partitioned(self, source: Source) -> list[tuple[Kind, Facts]]:
        return [(k, f) for k, f in self.facts.items() if source.spec.kinds[k].partitioned]


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("fetched_at")
