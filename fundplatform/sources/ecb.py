"""ECB euro foreign exchange reference rates: units of a currency per one euro, without a key.

The last 90 days are one small XML, the whole history one zipped CSV; the range asked for decides.
One fixing per TARGET day, about 16:00 in Frankfurt; a currency without a rate has no row.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from xml.etree import ElementTree

import polars as pl

from fundplatform import calendars
from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import day, not_finite, number, split
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply
from fundplatform.sources.web.records import changed

RECENT = "/stats/eurofxref/eurofxref-hist-90d.xml"
HISTORY = "/stats/eurofxref/eurofxref-hist.zip"
_MEMBER = "eurofxref-hist.csv"
# Of the 90 days some are left aside: the file may be a day old.
_RECENT_DAYS = timedelta(days=85)
_NONE = "N/A"
_BOX = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"


def classify(reply: Reply) -> Refusal | None:
    """The ECB has no error format; a web page instead of the file says that it is not there."""
    page = reply.body[:256].lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
    if reply.status != 200 or not page:
        return None
    return Refusal(Failure.TRANSIENT, "a web page came instead of the file", "It is asked again")


PROFILE = Profile(
    name="ecb",
    base_url="https://www.ecb.europa.eu",
    classify=classify,
    rates=(Rate(30, 60),),
    check=(RECENT, {}),
    day_zone="Europe/Berlin",
)

_DESCRIPTION = """
Euro foreign exchange reference rates of the European Central Bank since 1999-01-04: units of the
currency per one euro, one fixing per TARGET day (about 16:00 Frankfurt time), for information, not
for transactions. A currency without a rate on a day has no row. Reuse is free if the
source is named.
"""

SPEC = SourceSpec(
    name="ecb",
    title="ECB euro reference rates",
    asset_class="fx",
    market="FX",
    quote="EUR",
    kinds={Kind.FX: Coverage("TARGET", date(1999, 1, 4), lag=timedelta(minutes=45))},
    description=_DESCRIPTION.strip(),
    url="https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates",
)


@dataclass(frozen=True)
class Ecb:
    """The ECB as a source.

    Attributes:
        access: Requests; every currency is taken, whatever is tracked.
    """

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        """None before a fetch: each answer says which currencies there are."""
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rates of the range; an open day without any rate is not published yet.

        Raises:
            VendorError: Any failure.
            SourceError: It has no such kind.
        """
        if kind not in SPEC.kinds:
            raise SourceError("ecb", f"it has no {kind}", "Ask for fx")
        collector = Collector(kind, first, last)
        expected, file = self._wanted(first, last, now)
        if not expected:
            return collector.batch()
        reply = self.access.web.get(file)
        rows, rejected = (parse_recent if file == RECENT else parse_history)(reply.body)
        inside = pl.col("session").is_between(first, last)
        rows, rejected = rows.filter(inside), rejected.filter(inside.fill_null(True))
        collector.add(reply, rows, rejected)
        collector.list(_listings(rows))
        collector.not_published(set(expected) - set(rows["session"]))
        return collector.batch()

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The one file that `fetch` asks for; its parts share it."""
        expected, file = self._wanted(first, last, now)
        return Plan([Request(file, {})] if expected else [])

    def _wanted(self, first: date, last: date, now: datetime) -> tuple[Sequence[date], str]:
        """The sessions of the range that may be there, and the smallest file that has them all."""
        begin = max(first, SPEC.kinds[Kind.FX].start)
        expected = calendars.get("TARGET").sessions(begin, min(last, now.date()))
        whole = begin if self.access.span is None else min(begin, self.access.span.first)
        return expected, RECENT if whole > now.date() - _RECENT_DAYS else HISTORY


def parse_recent(body: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rates out of `eurofxref-hist-90d.xml`; rows as `Collector.add` takes them, and rejects.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming what is missing.
    """
    if b"<!DOCTYPE" in body:
        raise changed("ecb", "the file", "declares entities, which it never did")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  # no DOCTYPE, so no entity can expand
    except ElementTree.ParseError as error:
        raise _cut(f"the XML ends early or is damaged ({error})") from None
    days = [box for box in root.iter(_BOX) if "time" in box.attrib]
    if not days:
        raise changed("ecb", "element Cube with time", "is missing")
    cells = [(box.get("time"), c.get("currency"), c.get("rate")) for box in days for c in box]
    return _typed(pl.DataFrame(cells, ["date", "currency", "rate"], orient="row"))


def parse_history(body: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rates out of `eurofxref-hist.zip`; rows as `Collector.add` takes them, and rejects.

    Raises:
        VendorError: TRUNCATED (no whole zip), SCHEMA_CHANGED (another file or layout in it).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            text = archive.read(_MEMBER)
    except KeyError:
        raise changed("ecb", f"file {_MEMBER}", "is missing in the zip") from None
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _cut(f"the zip is damaged ({error})") from None
    try:
        wide = pl.read_csv(text, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise changed("ecb", f"file {_MEMBER}", f"is no table ({error})") from None
    # The last column has no name: each line ends with a comma.
    currencies = [name for name in wide.columns if len(name) == 3]
    if "Date" not in wide.columns or "USD" not in currencies:
        raise changed("ecb", "column Date or USD", "is missing")
    long = wide.unpivot(currencies, index="Date", variable_name="currency", value_name="rate")
    return _typed(long.rename({"Date": "date"}).filter(pl.col("rate") != _NONE))


def _typed(cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    given = cells.with_row_index("row_number", offset=1).with_columns(
        session=day("date"), vendor_symbol="EUR" + pl.col("currency")
    )
    good, rejected = split(
        given,
        {
            "the date is none": pl.col("session").is_null(),
            "the currency is no code of three letters": ~pl.col("currency")
            .str.contains("^[A-Z]{3}$")
            .fill_null(False),
            "the rate is missing": pl.col("rate").is_null(),
            "the rate is no number": not_finite("rate"),
            "the rate is not positive": number("rate") <= 0,
        },
    )
    if given.height > 1 and good.is_empty():
        raise changed("ecb", "field rate or time", "can be read in no row")
    rows = good.select(
        "row_number", "vendor_symbol", "session", vintage="session", value=number("rate")
    )
    return rows, rejected


def _listings(rows: pl.DataFrame) -> pl.DataFrame:
    """One listing a currency: a code that comes back after a suspension is the same currency."""
    quote = pl.col("vendor_symbol").str.slice(3)
    return rows.group_by("vendor_symbol", maintain_order=True).agg(
        symbol=pl.lit("EUR"),
        asset_class=pl.lit("fx"),
        market=pl.lit("FX"),
        quote=quote.first(),
        name=("Euro in " + quote + ", ECB reference rate").first(),
        valid_from=pl.col("session").min(),
        valid_to=pl.col("session").max(),
    )


def _cut(problem: str) -> VendorError:
    return VendorError("ecb", Failure.TRUNCATED, problem, "It is asked again")
