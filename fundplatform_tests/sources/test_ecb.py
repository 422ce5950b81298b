"""ECB reference rates: the small file and the whole one, open days without a rate, N/A."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.ecb import HISTORY, PROFILE, RECENT, Ecb, parse_history
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script
from fundplatform_tests.sources.web.wire import Wire, wired

# Friday 2024-03-08, Monday 2024-03-11; the fixing of Monday is out at 16:00 in Frankfurt.
FRIDAY, MONDAY = date(2024, 3, 8), date(2024, 3, 11)
MONDAY_NOON = datetime(2024, 3, 11, 11, tzinfo=UTC)
TUESDAY = datetime(2024, 3, 12, 9, tzinfo=UTC)


def xml(*days: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
  xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube>{"".join(days)}</Cube></gesmes:Envelope>""".encode()


def fixing(day: date, **rates: object) -> str:
    cells = "".join(f'<Cube currency="{c}" rate="{r}"/>' for c, r in rates.items())
    return f'<Cube time="{day}">{cells}</Cube>'


def packed(text: str, name: str = "eurofxref-hist.csv") -> bytes:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        archive.writestr(name, text)
    return box.getvalue()


ONE = fixing(FRIDAY, USD="1.0932", JPY="160.99")
TWO = fixing(MONDAY, USD="1.0926", JPY="160.81")


class TestEcb(VendorContract):
    profile = PROFILE
    kind = Kind.FX
    first, last, now = FRIDAY, MONDAY, TUESDAY
    cases: ClassVar = {
        "normal": Case(
            {RECENT: xml(TWO, ONE)},
            rows=4,
            row={
                "vendor_symbol": "EURJPY",
                "session": FRIDAY,
                "vintage": FRIDAY,
                "value": 160.99,
            },
        ),
        "unfinished_bar": Case(
            {RECENT: xml(ONE)}, rows=2, now=MONDAY_NOON, absent=frozenset({MONDAY})
        ),
        "doubled": Case(
            {RECENT: xml(ONE, ONE, TWO, fixing(MONDAY, USD="1.1"))},
            rows=3,
            rejected={"duplicate": 2, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {RECENT: xml(TWO, ONE, fixing(date(2024, 3, 7), USD="1.08"))},
            rows=2,
            last=date(2024, 3, 10),
        ),
        "bad_value": Case(
            {RECENT: xml(ONE, fixing(MONDAY, USD="n/a", JPY="-1", DKK="NaN", usd="1"))},
            rows=2,
            rejected={"unparseable": 4},
            absent=frozenset({MONDAY}),
        ),
        # Good Friday and Easter Monday of 2024: no call at all.
        "empty_closed": Case({}, rows=0, first=date(2024, 3, 29), last=date(2024, 4, 1)),
        "empty_pending": Case({RECENT: xml(ONE)}, rows=2, absent=frozenset({MONDAY})),
        "error_in_200": Case(
            {RECENT: Script(b"<!DOCTYPE html><html>Maintenance</html>")}, failure=Failure.TRANSIENT
        ),
        "missing_field": Case(
            {RECENT: xml()}, failure=Failure.SCHEMA_CHANGED, says="Cube with time"
        ),
        "changed_type": Case(
            {RECENT: xml(fixing(FRIDAY, USD="high", JPY="low"))},
            failure=Failure.SCHEMA_CHANGED,
            says="rate",
        ),
        # More than the contract asks for.
        "history": Case(
            {
                HISTORY: packed(
                    "Date,USD,JPY,CYP,\n2008-01-02,1.4688,159.9,N/A,\n"
                    "2007-12-31,1.4721,164.93,0.585274,\n"
                )
            },
            rows=3,
            row={"vendor_symbol": "EURCYP", "session": date(2007, 12, 31), "value": 0.585274},
            first=date(2007, 12, 31),
            last=date(2008, 1, 1),
        ),
    }
    not_applicable: ClassVar = {
        "paged": "a file comes whole",
        "split_day": "currencies do not split (a redenomination is a new code: ROL, RON)",
        "numeric_strings": "XML and CSV are text",
        "empty_symbol": "every currency of the file is taken; none is asked for",
        "unknown_symbol": "every currency of the file is taken; none is asked for",
        "auth": "there is no key",
        "not_entitled": "there is no plan",
    }

    def make(self, access: Access) -> Source:
        return Ecb(access)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE, now=TUESDAY) as running:
        yield running


def test_the_small_file_serves_recent_days_only(wire: Wire) -> None:
    wire.vendor.on(RECENT, Script(xml(ONE)))
    wire.vendor.on(HISTORY, Script(packed("Date,USD,\n2023-12-01,1.0875,\n")))
    source = Ecb(wire.access())
    source.fetch(Kind.FX, FRIDAY, FRIDAY, now=TUESDAY)
    source.fetch(Kind.FX, date(2023, 12, 1), FRIDAY, now=TUESDAY)
    assert [asked.path for asked in wire.vendor.asked] == [RECENT, HISTORY]


def test_a_currency_is_one_listing(wire: Wire) -> None:
    wire.vendor.on(RECENT, Script(xml(TWO, ONE)))
    listings = Ecb(wire.access()).fetch(Kind.FX, FRIDAY, MONDAY, now=TUESDAY).listings
    assert listings is not None
    usd = listings.filter(pl.col("quote") == "USD").row(0, named=True)
    assert usd == {
        "vendor_symbol": "EURUSD",
        "symbol": "EUR",
        "asset_class": "fx",
        "market": "FX",
        "quote": "USD",
        "name": "Euro in USD, ECB reference rate",
        "valid_from": FRIDAY,
        "valid_to": MONDAY,
    }


@pytest.mark.parametrize(
    ("body", "failure", "says"),
    [
        (packed("Date,USD,\n", name="other.csv"), Failure.SCHEMA_CHANGED, "eurofxref-hist.csv"),
        (packed("Day,USD,\n2008-01-02,1,\n"), Failure.SCHEMA_CHANGED, "Date or USD"),
        (b"no zip", Failure.TRUNCATED, "damaged"),
    ],
)
def test_another_history_file_is_refused(body: bytes, failure: Failure, says: str) -> None:
    with pytest.raises(VendorError, match=says) as caught:
        parse_history(body)
    assert caught.value.failure is failure


def test_entities_are_refused(wire: Wire) -> None:
    wire.vendor.on(
        RECENT,
        Script(b"<?xml version='1.0'?>" + b" " * 300 + b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"),
    )
    with pytest.raises(VendorError, match="entities"):
        Ecb(wire.access()).fetch(Kind.FX, FRIDAY, MONDAY, now=TUESDAY)


def test_it_has_rates_only(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no ohlcv"):
        Ecb(wire.access()).fetch(Kind.OHLCV, FRIDAY, MONDAY, now=TUESDAY)


def test_real_history(shared_data: Path) -> None:
    """Counted with awk: cells that are no N/A; 2008-01-02 and the ends read by hand."""
    text = gzip.decompress((shared_data / "fx/ecb_eurofxref-hist.csv.gz").read_bytes()).decode()
    rows, rejected = parse_history(packed(text))
    cells = [c for line in text.splitlines()[1:] for c in line.split(",")[1:] if c]
    assert (rows.height, rejected.height) == (sum(c != "N/A" for c in cells), 0)
    assert rows["session"].min() == date(1999, 1, 4)
    newest = rows.filter(pl.col("session") == date(2026, 10, 30))
    assert newest.filter(pl.col("vendor_symbol") == "EURUSD")["value"].to_list() == [1.1172]
