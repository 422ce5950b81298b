"""Every warehouse table, declared once.

Casts, checks, the data dictionary and the DDL comparison derive from here. Units stand in each
column's text. No SQL and no data access here.

Vocabulary: `session` is a naive date in the instrument's calendar; names ending in `_at` are aware
UTC instants; returns and weights are decimals (0.01 = 1 %).
"""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from fundplatform.errors import SchemaError

Type = Literal["int16", "int32", "int64", "float64", "text", "date", "timestamp", "bool"]

POLARS: dict[Type, pl.DataType] = {
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "text": pl.String(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "bool": pl.Boolean(),
}


@dataclass(frozen=True)
class Column:
    """One column: name, type, whether NULL may stand in it, and what it says (with its unit)."""

    name: str
    type: Type
    doc: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        schema: Schema, equal to the asset key's prefix.
        name: Table name.
        doc: One sentence.
        columns: In order; the stamp columns last.
        key: The unique key.
        partition: The column that partition ranges slice, or None.
        keeps_absent: True where a row that a new write of its slice does not bring stays (raw
            data: a truncated answer must not shrink a partition); False where the new frame is
            the whole truth of the slice (derived data).
        revisions: True where a changed or removed row moves to `<name>_revisions`.
        dated: Without a partition: the column from whose day on a row matters, if there is one.
    """

    schema: str
    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None = "session"
    keeps_absent: bool = False
    revisions: bool = False
    stamps: tuple[str, ...] = field(default=("recorded_from", "run_id"))
    dated: str | None = None

    @property
    def day(self) -> str | None:
        """The column that says which sessions a changed row touches, or from which one on."""
        return self.partition or self.dated

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """All column names in order."""
        return tuple(c.name for c in self.columns)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns whose change makes a new version: neither key nor stamp."""
        return tuple(n for n in self.column_names if n not in self.key and n not in self.stamps)

    @property
    def polars_schema(self) -> pl.Schema:
        """The exact frame schema."""
        return pl.Schema({c.name: POLARS[c.type] for c in self.columns})

    def empty(self) -> pl.DataFrame:
        """A frame with this table's columns and no rows."""
        return self.polars_schema.to_frame()


def _stamps(*, payload: bool = False) -> tuple[Column, ...]:
    own = (
        Column("recorded_from", "timestamp", "When this version entered the warehouse (UTC)."),
        Column("run_id", "text", "Dagster run that wrote this version."),
    )
    if not payload:
        return own
    return (
        Column("fetched_at", "timestamp", "When the vendor's bytes were fetched or read (UTC)."),
        Column("payload_hash", "text", "SHA-256 of the vendor's bytes."),
        *own,
    )


RAW_STAMPS = ("fetched_at", "payload_hash", "recorded_from", "run_id")

SOURCE_ID = Column("source_id", "int16", "Source, see catalog.sources.")
INSTRUMENT_ID = Column("instrument_id", "int32", "Permanent instrument, see catalog.instruments.")
SESSION = Column("session", "date", "Session (naive date in the instrument's calendar).")
INDEX = Column("index_name", "text", "Index, named by its YAML definition.")
BASIS = Column("return_basis", "text", "price, gross_total or net_total.")

BAR_KEY = ("source_id", "instrument_id", "interval", "quote", "bar_open_at")
_BAR_KEY_COLUMNS = (
    SOURCE_ID,
    INSTRUMENT_ID,
    Column("interval", "text", "Bar length: 1m 5m 15m 30m 1h 4h 12h 1d."),
    Column("quote", "text", "Quote currency."),
    Column("bar_open_at", "timestamp", "Start of the bar; a 1d bar's is 00:00 UTC of its session."),
)
_PRICES = (
    Column("open", "float64", "Opening price, quote currency, on the basis of `adjustment`.", True),
    Column("high", "float64", "Highest price, quote currency.", True),
    Column("low", "float64", "Lowest price, quote currency.", True),
    Column("close", "float64", "Closing price, quote currency.", True),
    Column("volume", "float64", "Units traded (may be fractional); NULL where unknown.", True),
    Column("vwap", "float64", "Volume-weighted average price, where the vendor gives it.", True),
    Column("trade_count", "int64", "Number of trades, where the vendor gives it.", True),
    Column("adjustment", "text", "Basis of the prices: none (as traded), split, split_div."),
)


def _required(columns: tuple[Column, ...], *names: str) -> tuple[Column, ...]:
    return tuple(Column(c.name, c.type, c.doc, c.nullable and c.name not in names) for c in columns)


OHLCV = Table(
    "raw",
    "ohlcv",
    "Bars as the vendors gave them, one row per source and bar; bad rows included.",
    (*_BAR_KEY_COLUMNS, SESSION, *_PRICES, *_stamps(payload=True)),
    BAR_KEY,
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
TRADES = Table(
    "raw",
    "trades",
    "Single trades (time and sales).",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("quote", "text", "Quote currency."),
        Column("trade_id", "int64", "The vendor's id, else the ordinal within symbol and session."),
        SESSION,
        Column("traded_at", "timestamp", "Time of the trade (UTC)."),
        Column("price", "float64", "Price, quote currency."),
        Column("volume", "float64", "Units traded."),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "quote", "trade_id", "session"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
OBSERVATIONS = Table(
    "raw",
    "observations",
    "One value a day: FX reference rates, interest rates, economic series, with vintages.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        SESSION,
        Column("vintage", "date", "First day this value was the published one."),
        Column("value", "float64", "FX: units of quote per one base. May be <= 0 for rates.", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "session", "vintage"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
CORPORATE_ACTIONS = Table(
    "raw",
    "corporate_actions",
    "Splits, dividends and other actions as the sources state them.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("action", "text", "split, dividend, special_dividend, spin_off, merger, delisting."),
        Column("ex_date", "date", "First session that trades without the entitlement."),
        Column("ratio", "float64", "Split: new shares per old share (2 for 2:1).", True),
        Column("amount", "float64", "Dividend per old share, in `currency`.", True),
        Column("currency", "text", "Currency of `amount`.", True),
        Column("known_at", "timestamp", "When the public knew: announcement, else the ex-date."),
        Column("reference", "text", "Where the fact is published.", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "action", "ex_date"),
    partition=None,
    dated="ex_date",
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
SHARES = Table(
    "raw",
    "shares",
    "Shares outstanding by measurement date and the date it was filed.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("measured_on", "date", "Date the count refers to."),
        Column("known_at", "timestamp", "When it was filed (UTC)."),
        Column("shares", "float64", "Shares outstanding, on the basis of `measured_on`.", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "measured_on", "known_at"),
    partition=None,
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
MARKET_CAPS = Table(
    "raw",
    "market_caps",
    "Market capitalisation snapshots.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("known_at", "timestamp", "When the snapshot was taken (UTC)."),
        Column("session", "date", "Date of the snapshot in its market's time zone."),
        Column("market_cap", "float64", "Market capitalisation, units of `currency`.", True),
        Column("currency", "text", "Currency of `market_cap`."),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "known_at"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
FUND_FACTS = Table(
    "raw",
    "fund_facts",
    "What a fund is and costs, by the day it holds from and the day it was known.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("effective_on", "date", "Day from which it holds (prospectus, else snapshot)."),
        Column("known_at", "timestamp", "When the public could know it: filing or snapshot (UTC)."),
        Column("session", "date", "Day of `known_at` in the fund's market."),
        Column("name", "text", "Name of the fund.", True),
        Column("fund_type", "text", "etf, mutual_fund, money_market, index, closed_end, ...", True),
        Column("category", "text", "Category as the source names it (Large Growth).", True),
        Column("issuer", "text", "Fund family or trust.", True),
        Column("share_class", "text", "Share class, or the SEC's class id.", True),
        Column("series", "text", "Fund of which it is a class: the SEC's series id.", True),
        Column("inception", "date", "First day of the fund.", True),
        Column(
            "expense_ratio", "float64", "Net of waivers, yearly, decimal (0.2 % = 0.002).", True
        ),
        Column("gross_expense_ratio", "float64", "Before waivers, a year, decimal.", True),
        Column("aum", "float64", "Net assets, units of `currency`.", True),
        Column("currency", "text", "Currency of `aum`.", True),
        Column("active", "bool", "False: closed or liquidated; NULL: not said.", True),
        Column("reference", "text", "Where the facts are published (accession number).", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "effective_on", "known_at"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
HOLDINGS = Table(
    "raw",
    "holdings",
    "What a fund held, by the day of the report and the day it was public; one row a position.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("as_of", "date", "Day that the positions were held."),
        Column("known_at", "timestamp", "When the public could know it: filing (UTC)."),
        Column("session", "date", "Day of `known_at` in the fund's market."),
        Column("line", "int32", "1-based place in the report."),
        Column("name", "text", "Issuer, or the position where it has none (cash).", True),
        Column("title", "text", "The issue.", True),
        Column("ticker", "text", "Ticker as reported.", True),
        Column("isin", "text", "ISIN.", True),
        Column("cusip", "text", "CUSIP.", True),
        Column("lei", "text", "LEI of the issuer.", True),
        Column("asset_category", "text", "As reported; N-PORT: EC equity, DBT debt, ...", True),
        Column("sector", "text", "Sector, or N-PORT's kind of issuer (CORP, MUN, ...).", True),
        Column("country", "text", "Country of the issuer, ISO 3166-1 alpha-2 where given.", True),
        Column("currency", "text", "Currency of the position.", True),
        Column("balance", "float64", "Quantity in `units`.", True),
        Column("units", "text", "NS shares, PA principal amount, NC contracts, OU other.", True),
        Column("market_value", "float64", "Value in `value_currency`; negative: owed.", True),
        Column("value_currency", "text", "Currency of `market_value` and `net_assets`."),
        Column("weight", "float64", "Share of net assets, decimal; shorts negative.", True),
        Column("direction", "text", "long, short, or NULL for derivatives.", True),
        Column("net_assets", "float64", "Net assets of the fund in the report.", True),
        Column("reference", "text", "Where it is published (accession number).", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "as_of", "known_at", "line"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
PROFILES = Table(
    "raw",
    "profiles",
    "What an instrument's issuer is: sector, country, identifiers. What changed is in the ledger.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("name", "text", "Name of the issuer or issue.", True),
        Column("exchange", "text", "Exchange as the source names it.", True),
        Column("sector", "text", "Sector as the source names it.", True),
        Column("industry", "text", "Industry as the source names it.", True),
        Column("country", "text", "Country as the source names it.", True),
        Column("listed_year", "int32", "Year of the first listing.", True),
        Column("cik", "int64", "The SEC's number of the filer.", True),
        Column("series", "text", "The SEC's series id of a fund.", True),
        Column("share_class", "text", "The SEC's class id of a fund's share class.", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id"),
    partition=None,
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)
QUOTES = Table(
    "raw",
    "quotes",
    "Latest quotes as asked for during the day; no history, and no part of any index or metric.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("quote", "text", "Quote currency."),
        Column("quoted_at", "timestamp", "Vendor's time of the price, else when it came (UTC)."),
        Column("session", "date", "UTC day of `quoted_at`."),
        Column("price", "float64", "Latest price, quote currency."),
        Column("bid", "float64", "Best bid, quote currency.", True),
        Column("ask", "float64", "Best ask, quote currency.", True),
        *_stamps(payload=True),
    ),
    ("source_id", "instrument_id", "quote", "quoted_at"),
    keeps_absent=True,
    revisions=True,
    stamps=RAW_STAMPS,
)

REJECTED_AT_LOAD = Table(
    "raw",
    "rejected",
    "Vendor rows that could not become a raw row: unparseable, or a conflicting duplicate.",
    (
        SOURCE_ID,
        Column("kind", "text", "Kind of data the row was to be."),
        Column("payload_hash", "text", "SHA-256 of the vendor's bytes."),
        Column("row_number", "int64", "1-based row in the payload (file order)."),
        Column("session", "date", "Session, where it could be read.", True),
        Column("vendor_symbol", "text", "Symbol, where it could be read.", True),
        Column(
            "rule",
            "text",
            "unparseable, missing_key, duplicate, conflicting_duplicate, outside_coverage or "
            "unreadable_file.",
        ),
        Column("reason", "text", "What is wrong, naming the column and the text found."),
        Column("row", "text", "The row as read, JSON."),
        *_stamps(),
    ),
    ("source_id", "kind", "payload_hash", "row_number"),
    partition=None,
    keeps_absent=True,
)
PAYLOADS = Table(
    "raw",
    "payloads",
    "Every payload a source has read: the vendor's bytes behind the rows.",
    (
        SOURCE_ID,
        Column("kind", "text", "Kind of data."),
        Column("payload_hash", "text", "SHA-256 of the vendor's bytes."),
        Column("name", "text", "File name or request, without secrets."),
        Column("bytes", "int64", "Size."),
        Column("rows", "int64", "Vendor rows in it: raw rows plus rejected at load."),
        Column("fetched_at", "timestamp", "When it was read first (UTC)."),
        *_stamps(),
    ),
    ("source_id", "kind", "payload_hash"),
    partition=None,
    keeps_absent=True,
)

SOURCES = Table(
    "catalog",
    "sources",
    "The sources that have ever been loaded.",
    (
        SOURCE_ID,
        Column("name", "text", "Source name, as in the asset key raw/<name>/..."),
        Column("title", "text", "What it is."),
        Column("asset_class", "text", "Asset class of its instruments."),
        Column("calendar", "text", "Its trading calendar."),
        Column("coverage_start", "date", "First session it declares."),
        Column("coverage_end", "date", "Last session of a finished data set.", True),
        Column("priority", "int32", "Lower wins where several sources have a bar."),
        *_stamps(),
    ),
    ("source_id",),
    partition=None,
    keeps_absent=True,
    revisions=True,
)
INSTRUMENTS = Table(
    "catalog",
    "instruments",
    "Permanent identities. A ticker is unique only within asset class, market, quote and period.",
    (
        INSTRUMENT_ID,
        Column("asset_class", "text", "equity, etf, fund, crypto, fx, commodity, rate, index, ..."),
        Column("market", "text", "US, CRYPTO, FX, INDEX, ..."),
        Column("symbol", "text", "Canonical symbol (BRK.B, BTC)."),
        Column("quote", "text", "Quote currency."),
        Column("name", "text", "Long name, where a source gives it.", True),
        Column("valid_from", "date", "First session any source knows."),
        Column("valid_to", "date", "Last session any source knows."),
        *_stamps(),
    ),
    ("instrument_id",),
    partition=None,
    keeps_absent=True,
    revisions=True,
)
LISTINGS = Table(
    "catalog",
    "listings",
    "Which vendor symbol means which instrument, and when.",
    (
        SOURCE_ID,
        Column("vendor_symbol", "text", "The symbol as this source writes it."),
        Column("valid_from", "date", "First session of this meaning."),
        Column("valid_to", "date", "Last session of this meaning seen so far."),
        INSTRUMENT_ID,
        *_stamps(),
    ),
    ("source_id", "vendor_symbol", "valid_from"),
    partition=None,
    keeps_absent=True,
)
STATEMENTS = Table(
    "catalog",
    "statements",
    "Whom a source's statements (fund facts, holdings, profiles) are of; nothing trades by them.",
    (
        SOURCE_ID,
        Column("vendor_symbol", "text", "The symbol as this source writes it."),
        Column("valid_from", "date", "Day of the first statement."),
        Column("valid_to", "date", "Day of the last statement seen so far."),
        INSTRUMENT_ID,
        *_stamps(),
    ),
    ("source_id", "vendor_symbol", "valid_from"),
    partition=None,
    keeps_absent=True,
)
TRACKED = Table(
    "catalog",
    "tracked",
    "Listings that a source is expected to deliver.",
    (
        SOURCE_ID,
        Column("vendor_symbol", "text", "The symbol as this source writes it."),
        Column("tracked_from", "date", "First session expected."),
        *_stamps(),
    ),
    ("source_id", "vendor_symbol"),
    partition=None,
    keeps_absent=True,
)
PROPOSALS = Table(
    "catalog",
    "proposals",
    "Decisions about identity that a person may want to look at.",
    (
        SOURCE_ID,
        Column("vendor_symbol", "text", "The symbol as this source writes it."),
        Column("valid_from", "date", "First session of the listing."),
        Column("problem", "text", "gap, bridge or span."),
        Column("reason", "text", "What was decided, in words."),
        INSTRUMENT_ID,
        Column("other_id", "int32", "The other instrument it could be.", True),
        *_stamps(),
    ),
    ("source_id", "vendor_symbol", "valid_from", "problem"),
    partition=None,
    keeps_absent=True,
)
IDENTITY_DECISIONS = Table(
    "catalog",
    "identity_decisions",
    "What people decided about renamed and reused tickers; each decision once, never changed.",
    (
        Column("proposal_id", "text", "Of `fundplatform identity review`: hash of what it says."),
        Column("problem", "text", "rename, reuse, gap or statement."),
        Column("proposal", "text", "What was proposed, in words."),
        Column("approved", "bool", "True: it was done; False: it was refused."),
        INSTRUMENT_ID,
        Column("other_id", "int32", "The instrument that was merged, or split off.", True),
        Column("rows_moved", "int64", "Raw rows that changed their instrument."),
        Column("author", "text", "Who decided."),
        Column("note", "text", "Why, as the author wrote it.", True),
        Column("decided_at", "timestamp", "When (UTC)."),
        *_stamps(),
    ),
    ("proposal_id",),
    partition=None,
    keeps_absent=True,
    revisions=True,
)
SECURITIES = Table(
    "catalog",
    "securities",
    "What each listed instrument is, by rule: common stock, or why not; its issuer's lines.",
    (
        INSTRUMENT_ID,
        Column("security_type", "text", "common, fund, unit, warrant, right, preferred or note."),
        Column("domestic", "bool", "False: a foreign company or a receipt; NULL: not known.", True),
        Column("issuer", "text", "Issuer, the same for all its lines.", True),
        Column("share_class", "text", "Class as its symbol or name says (A, B, C).", True),
        Column("reason", "text", "By what it was told."),
        *_stamps(),
    ),
    ("instrument_id",),
    partition=None,
)
CAPS = Table(
    "catalog",
    "market_caps",
    "Market caps as they may be used: of share counts first, then snapshots; and what is refused.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("origin", "text", "shares: count x close; snapshot: as the source states it."),
        Column("known_at", "timestamp", "When the public could know it (UTC)."),
        SESSION,
        Column("market_cap", "float64", "Of the line, or of the issuer; units of `currency`."),
        Column("currency", "text", "Currency of `market_cap`."),
        Column("scope", "text", "line, or issuer: each line carries the whole company's cap."),
        Column("trusted", "bool", "False: not to be used."),
        Column("problem", "text", "Why it is not trusted.", True),
        *_stamps(),
    ),
    ("source_id", "instrument_id", "origin", "known_at"),
)
FACTS = Table(
    "catalog",
    "fund_facts",
    "What a fund was and cost, version by version; closed funds keep theirs.",
    (
        INSTRUMENT_ID,
        Column("valid_from", "date", "First day on which it holds."),
        Column("known_at", "timestamp", "When the public could know it (UTC)."),
        Column("valid_to", "date", "Last day, as known now; NULL: it still holds.", True),
        Column("superseded_at", "timestamp", "When the same day was stated anew (UTC).", True),
        SOURCE_ID,
        Column("name", "text", "Name of the fund.", True),
        Column("fund_type", "text", "etf, mutual_fund, money_market, index, closed_end, ...", True),
        Column("category", "text", "Category as the source names it.", True),
        Column("issuer", "text", "Fund family or trust.", True),
        Column("share_class", "text", "Share class, or the SEC's class id.", True),
        Column("series", "text", "Fund of which it is a class: the SEC's series id.", True),
        Column("inception", "date", "First day of the fund.", True),
        Column("expense_ratio", "float64", "A year, net, decimal: the last one trusted.", True),
        Column("gross_expense_ratio", "float64", "Before waivers, a year, decimal.", True),
        Column("aum", "float64", "Net assets, units of `currency`.", True),
        Column("currency", "text", "Currency of `aum`.", True),
        Column("active", "bool", "False: closed or liquidated; NULL: not said.", True),
        Column("stated_expense_ratio", "float64", "As this statement says it.", True),
        Column(
            "problem", "text", "Why the stated ratio is not trusted (percent, not decimal?).", True
        ),
        Column("reference", "text", "Where the facts are published.", True),
        *_stamps(),
    ),
    ("instrument_id", "valid_from", "known_at"),
    partition=None,
)
POSITIONS = Table(
    "catalog",
    "holdings",
    "What funds held, each position with its instrument where that is known.",
    (
        SOURCE_ID,
        INSTRUMENT_ID,
        Column("as_of", "date", "Day that the positions were held."),
        Column("known_at", "timestamp", "When the public could know it (UTC)."),
        Column("line", "int32", "1-based place in the report."),
        Column("holding_id", "int32", "Instrument held; NULL: not known here.", True),
        Column("matched_by", "text", "What told the instrument: isin, cusip, ticker or lei.", True),
        Column(
            "security", "text", "The security, the same in every fund: by it they are compared."
        ),
        Column("name", "text", "Issuer, or the position where it has none (cash).", True),
        Column("title", "text", "The issue.", True),
        Column("ticker", "text", "Ticker as reported.", True),
        Column("isin", "text", "ISIN.", True),
        Column("cusip", "text", "CUSIP.", True),
        Column("lei", "text", "LEI of the issuer.", True),
        Column("asset_category", "text", "As reported.", True),
        Column("sector", "text", "As reported.", True),
        Column("country", "text", "As reported.", True),
        Column("currency", "text", "Currency of the position.", True),
        Column("balance", "float64", "Quantity in `units`.", True),
        Column("units", "text", "NS shares, PA principal amount, NC contracts, OU other.", True),
        Column("market_value", "float64", "Value in `value_currency`; negative: owed.", True),
        Column("value_currency", "text", "Currency of `market_value` and `net_assets`."),
        Column("weight", "float64", "Share of net assets, decimal; shorts negative.", True),
        Column("direction", "text", "long, short, or NULL.", True),
        Column("net_assets", "float64", "Net assets of the fund in the report.", True),
        Column("weight_sum", "float64", "Sum of the weights of the whole report."),
        Column("complete", "bool", "False: the sum lies outside 0.95 to 1.05."),
        Column("reference", "text", "Where it is published.", True),
        *_stamps(),
    ),
    ("source_id", "instrument_id", "as_of", "known_at", "line"),
    partition=None,
)
OVERLAPS = Table(
    "catalog",
    "fund_overlaps",
    "How alike two funds' latest complete reports are, from an overlap of 10 % on.",
    (
        INSTRUMENT_ID,
        Column("other_id", "int32", "The other fund, the higher number."),
        Column("as_of", "date", "Day of the fund's report."),
        Column("other_as_of", "date", "Day of the other's, at most 100 days apart."),
        Column("overlap", "float64", "Sum of the smaller weights of what both hold, decimal."),
        Column("active_share", "float64", "Half the sum of the weights' differences, decimal."),
        Column("jaccard", "float64", "Securities in both over securities in either."),
        Column("common", "int64", "Securities in both."),
        *_stamps(),
    ),
    ("instrument_id", "other_id"),
    partition=None,
)
EXPOSURES = Table(
    "catalog",
    "fund_exposures",
    "Sectors and countries of what a fund holds, through the funds that it holds.",
    (
        INSTRUMENT_ID,
        Column("as_of", "date", "Day of the fund's report."),
        Column("kind", "text", "sector (GICS names) or country (ISO 3166-1 alpha-2)."),
        Column("name", "text", "The sector or country; (unknown): nobody says."),
        Column("weight", "float64", "Share of net assets, decimal; shorts negative."),
        Column("through", "float64", "Part of `weight` held through other funds, decimal."),
        Column("known_at", "timestamp", "When the public could know the reports used (UTC)."),
        *_stamps(),
    ),
    ("instrument_id", "as_of", "kind", "name"),
    partition=None,
)
ADJUSTMENT_FACTORS = Table(
    "catalog",
    "adjustment_factors",
    "Split factors by period, rebuilt from the corporate actions; views multiply, nothing more.",
    (
        INSTRUMENT_ID,
        Column("from_session", "date", "First session of the period (inclusive)."),
        Column("to_session", "date", "Last session of the period (inclusive)."),
        Column("split_factor", "float64", "Multiply as-traded prices by it, divide volume by it."),
        *_stamps(),
    ),
    ("instrument_id", "from_session"),
    partition=None,
    dated="from_session",
)
ACTIONS = Table(
    "catalog",
    "corporate_actions",
    "The corporate actions that count: one row per event, of the source that is believed.",
    (
        INSTRUMENT_ID,
        Column(
            "action",
            "text",
            "split, stock_dividend, dividend, special_dividend, spin_off, merger, delisting or "
            "rename.",
        ),
        Column("ex_date", "date", "First session that trades without the entitlement."),
        Column("ratio", "float64", "New shares per old share; of the other company's.", True),
        Column("amount", "float64", "Cash or value per old share, in `currency`.", True),
        Column("currency", "text", "Currency of `amount`; NULL: that of the quote.", True),
        Column("other_symbol", "text", "Child, acquirer, or the new ticker.", True),
        Column("known_at", "timestamp", "When the public knew: announcement, else the ex-date."),
        SOURCE_ID,
        Column("reference", "text", "Where the fact is published.", True),
        *_stamps(),
    ),
    ("instrument_id", "action", "ex_date"),
    partition=None,
    dated="ex_date",
    revisions=True,
)
TOTAL_RETURN_FACTORS = Table(
    "catalog",
    "total_return_factors",
    "Payment factors by period, on top of the split factors; views multiply, nothing more.",
    (
        INSTRUMENT_ID,
        Column("from_session", "date", "First session of the period (inclusive)."),
        Column("to_session", "date", "Last session of the period (inclusive)."),
        Column(
            "total_factor",
            "float64",
            "Payments reinvested at the ex-date's close: ratios of price x it are total returns.",
        ),
        Column(
            "vendor_factor",
            "float64",
            "Product of 1 - D / P_prev, as vendors adjust; for comparison and display only.",
        ),
        *_stamps(),
    ),
    ("instrument_id", "from_session"),
    partition=None,
)
TIERS = Table(
    "catalog",
    "tiers",
    "Tier of each instrument at its first session and at every month end (methodology D).",
    (
        INSTRUMENT_ID,
        SESSION,
        Column("tier", "text", "T1, T2, T3, T4 or UNCLASSIFIED; in force from the next session."),
        Column("origin", "text", "override, listed, rule or unclassified."),
        Column("reason", "text", "Why, in words."),
        Column("market_cap", "float64", "Market cap used, USD.", True),
        Column("dollar_volume", "float64", "60-session median dollar volume used, USD.", True),
        *_stamps(),
    ),
    ("instrument_id", "session"),
)

VALIDATED = Table(
    "prices",
    "validated",
    "Bars that passed every blocking rule, of every source; `selected` marks the one to use.",
    (
        *_BAR_KEY_COLUMNS,
        SESSION,
        *_required(_PRICES, "open", "high", "low", "close"),
        Column("known_at", "timestamp", "When the public could know the bar: its close (UTC)."),
        Column("selected", "bool", "True for the source of highest priority for this bar."),
        Column("warnings", "text", "Ids of warning rules, comma-separated.", True),
        *_stamps(),
    ),
    BAR_KEY,
    revisions=True,
)
REJECTED = Table(
    "prices",
    "rejected",
    "Raw bars that a blocking rule refused, with every rule and the reason.",
    (
        *_BAR_KEY_COLUMNS,
        SESSION,
        *_PRICES,
        Column("rules", "text", "Ids of all failed blocking rules, comma-separated."),
        Column("reason", "text", "What is wrong, with the values."),
        Column("rules_version", "int32", "Version of the rule list."),
        *_stamps(),
    ),
    BAR_KEY,
    revisions=True,
)
GATES = Table(
    "ops",
    "gates",
    "Per source and session: what came, what was rejected, and whether the session is held.",
    (
        SOURCE_ID,
        SESSION,
        Column("rows_raw", "int64", "Raw bars of the session."),
        Column("rows_rejected", "int64", "Of these, refused by a blocking rule."),
        Column("rows_validated", "int64", "Of these, in prices.validated (0 when held)."),
        Column("held", "bool", "True: too many rejected; none of the session is in validated."),
        Column("reason", "text", "Why it is held.", True),
        *_stamps(),
    ),
    ("source_id", "session"),
)
FINDINGS = Table(
    "ops",
    "findings",
    "What a rule found about a source's session as a whole (V13, V14, V26).",
    (
        SOURCE_ID,
        SESSION,
        Column("rule", "text", "Rule id."),
        Column("severity", "text", "error or warning; an error of V13 or V26 holds the session."),
        Column("observed", "float64", "The number seen (rows).", True),
        Column("expected", "float64", "The usual number, or the limit.", True),
        Column("finding", "text", "In words."),
        *_stamps(),
    ),
    ("source_id", "session", "rule"),
)
OVERRIDES = Table(
    "ops",
    "overrides",
    "What people decided against the rules, of commands and of overrides.yaml; expired ones stay.",
    (
        Column("override_id", "text", "Made from what it says, so that it is stored once."),
        Column("action", "text", "accept, correct or exclude bars; release a held session."),
        Column("source", "text", "Source name; NULL: bars of any source.", True),
        Column("asset_class", "text", "Asset class of the instrument; NULL: any.", True),
        Column("symbol", "text", "Canonical symbol of the instrument; NULL: any.", True),
        Column("first_session", "date", "First session it is about."),
        Column("last_session", "date", "Last session it is about."),
        Column("rules", "text", "accept: ids of the rules, comma-separated; NULL: any.", True),
        Column("field", "text", "correct: open, high, low, close, volume or vwap.", True),
        Column("value", "float64", "correct: the value instead.", True),
        Column("author", "text", "Who decided."),
        Column("reason", "text", "Why."),
        Column("expires_on", "date", "Last day it is in force; NULL: a release, for good.", True),
        Column("origin", "text", "command, or overrides.yaml."),
        Column("withdrawn_at", "timestamp", "When it was taken back (UTC).", True),
        *_stamps(),
    ),
    ("override_id",),
    partition=None,
    keeps_absent=True,
    revisions=True,
)
LOADS = Table(
    "ops",
    "loads",
    "One row per write: asset, range, and what the write did.",
    (
        Column("load_id", "text", "Run id, asset and range."),
        Column("asset", "text", "Asset key."),
        Column("table_name", "text", "Table written."),
        Column("from_session", "date", "First session of the slice.", True),
        Column("to_session", "date", "Last session of the slice.", True),
        Column("rows_in", "int64", "Rows the asset delivered (for raw: vendor rows read)."),
        Column("rows_inserted", "int64", "New rows."),
        Column("rows_updated", "int64", "Rows whose values changed."),
        Column("rows_unchanged", "int64", "Rows equal to what was stored."),
        Column("rows_removed", "int64", "Rows that a derived slice no longer has."),
        Column("rows_rejected", "int64", "Rows refused at load."),
        *_stamps(),
    ),
    ("load_id", "table_name"),
    partition=None,
    keeps_absent=True,
)

COMPOSITIONS = Table(
    "indices",
    "compositions",
    "Constituents chosen at the close of `session`; they earn the return of the next session.",
    (
        INDEX,
        SESSION,
        INSTRUMENT_ID,
        Column("rank", "int32", "1 = largest by `measure`."),
        Column(
            "measure", "float64", "Market cap or median dollar volume, USD, known at the close."
        ),
        Column("target_weight", "float64", "Weight at the close of `session`, decimal."),
        *_stamps(),
    ),
    ("index_name", "session", "instrument_id"),
)
PERFORMANCE = Table(
    "indices",
    "performance",
    "Return of each session, earned by the composition of the session before.",
    (
        INDEX,
        SESSION,
        BASIS,
        Column("state", "text", "ok, base, no_caps, stale_caps, no_history or no_return."),
        Column("session_return", "float64", "Return from the previous session's close.", True),
        Column("n_constituents", "int32", "Constituents chosen at this close."),
        Column("n_target", "int32", "N of the definition."),
        Column("turnover", "float64", "One-way turnover of rebalancing at this close.", True),
        Column("provisional", "bool", "True where one of our prices is missing; rebuilt later."),
        Column("note", "text", "What is missing or flagged.", True),
        *_stamps(),
    ),
    ("index_name", "session", "return_basis"),
)
LEVELS = Table(
    "indices",
    "levels",
    "Index level: base level times the product of (1 + session_return), recomputed whole.",
    (
        INDEX,
        SESSION,
        BASIS,
        Column("level", "float64", "Index level."),
        Column("drawdown", "float64", "level / highest level so far - 1 (<= 0)."),
        *_stamps(),
    ),
    ("index_name", "session", "return_basis"),
)
COMPOSITION_CHANGES = Table(
    "indices",
    "composition_changes",
    "Names that entered or left at the close of `session`.",
    (
        INDEX,
        SESSION,
        INSTRUMENT_ID,
        Column("change", "text", "added or removed."),
        Column("rank_before", "int32", "Rank at the previous close.", True),
        Column("rank_after", "int32", "Rank at this close.", True),
        Column("weight_before", "float64", "Drifted weight at this close; 0 if added."),
        Column("weight_after", "float64", "Target weight at this close; 0 if removed."),
        Column("reason", "text", "rank, no_price or not_eligible."),
        *_stamps(),
    ),
    ("index_name", "session", "instrument_id"),
)
CONTRIBUTIONS = Table(
    "indices",
    "contributions",
    "What each constituent of the session before did to this session's index return.",
    (
        INDEX,
        SESSION,
        INSTRUMENT_ID,
        BASIS,
        Column("start_weight", "float64", "Target weight at the previous close."),
        Column("instrument_return", "float64", "Return of the instrument."),
        Column("contribution", "float64", "start_weight * instrument_return."),
        Column("drifted_weight", "float64", "Weight at this close before rebalancing."),
        Column("stale", "bool", "True: no bar this session, price carried."),
        *_stamps(),
    ),
    ("index_name", "session", "instrument_id", "return_basis"),
)
BASKETS = Table(
    "indices",
    "baskets",
    "One row per session of an index with a basket: whether it was reviewed, and its worth.",
    (
        INDEX,
        SESSION,
        Column("reviewed", "bool", "True: names and weights were chosen anew at this close."),
        Column(
            "basket_value",
            "float64",
            "Cap and price weights: sum of what the weights are proportional to, after the close's "
            "changes; divisor = basket_value / price level.",
            True,
        ),
        *_stamps(),
    ),
    ("index_name", "session"),
)
UNPRICED = Table(
    "indices",
    "unpriced",
    "Names that rank among the first N by market cap but have no usable price here.",
    (
        INDEX,
        SESSION,
        INSTRUMENT_ID,
        Column("rank", "int32", "Rank among all names, priced or not."),
        Column("measure", "float64", "Market cap of the latest known snapshot, USD."),
        *_stamps(),
    ),
    ("index_name", "session", "instrument_id"),
)
EXCLUSIONS = Table(
    "indices",
    "exclusions",
    "Names that would be among the first N by market cap, but have no cap that is trusted, or are "
    "kept out by the rule of the universe.",
    (
        INDEX,
        SESSION,
        INSTRUMENT_ID,
        Column(
            "rank",
            "int32",
            "Rank it would have: by its cap as stated; of a cap in another unit, by what is "
            "traded of it.",
        ),
        Column("measure", "float64", "Market cap as stated, base currency."),
        Column("excluded_by", "text", "cap: not trusted; rule: not of the universe."),
        Column("reason", "text", "What is wrong with the cap, or which rule.", True),
        *_stamps(),
    ),
    ("index_name", "session", "instrument_id"),
)
METRICS = Table(
    "funds",
    "metrics",
    "Performance and risk of every instrument by time frame (methodology B).",
    (
        INSTRUMENT_ID,
        SESSION,
        Column("frame", "text", "1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL."),
        BASIS,
        Column("base_session", "date", "Session of the base price.", True),
        Column("n_returns", "int32", "Returns in the frame."),
        Column("total_return", "float64", "Decimal.", True),
        Column("annualized_return", "float64", "Decimal; only for frames of a year or more.", True),
        Column("volatility", "float64", "Annualised standard deviation (ddof 1), decimal.", True),
        Column("sharpe", "float64", "Annualised Sharpe ratio.", True),
        Column("sortino", "float64", "Annualised Sortino ratio, target 0.", True),
        Column("max_drawdown", "float64", "Deepest fall from a peak, decimal (<= 0).", True),
        Column("risk_free_rate", "float64", "Annual risk-free rate used, decimal."),
        Column("reason", "text", "Why values are NULL.", True),
        *_stamps(),
    ),
    ("instrument_id", "session", "frame", "return_basis"),
)

RISK = Table(
    "funds",
    "risk",
    "Drawdown dates, tails, shape, months and benchmark figures beside funds.metrics.",
    (
        INSTRUMENT_ID,
        SESSION,
        Column("frame", "text", "1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL."),
        BASIS,
        Column("peak_session", "date", "Peak before the deepest drawdown.", True),
        Column("trough_session", "date", "Its lowest session.", True),
        Column("recovery_session", "date", "First session back at the peak; NULL: not yet.", True),
        Column("calmar", "float64", "annualized_return / -max_drawdown; a year or more.", True),
        Column("var_95", "float64", "Historical one-day loss at 5 %, positive; n >= 100.", True),
        Column("cvar_95", "float64", "Mean loss at or beyond it, positive; n >= 100.", True),
        Column("skewness", "float64", "Of daily returns, adjusted (G1).", True),
        Column("kurtosis", "float64", "Excess, of daily returns, adjusted (G2).", True),
        Column("best_day", "float64", "Highest daily return, decimal.", True),
        Column("worst_day", "float64", "Lowest daily return, decimal.", True),
        Column("n_months", "int32", "Complete calendar months in the frame."),
        Column("best_month", "float64", "Highest return of a complete month, decimal.", True),
        Column("worst_month", "float64", "Lowest return of a complete month, decimal.", True),
        Column("positive_months", "float64", "Share of complete months above 0.", True),
        Column("benchmark_id", "int32", "Instrument that is the declared benchmark.", True),
        Column("n_common", "int32", "Returns on common days."),
        Column("beta", "float64", "Slope of excess returns on the benchmark's.", True),
        Column("alpha", "float64", "Jensen's alpha, a year, decimal.", True),
        Column("tracking_error", "float64", "Annualised std of the difference, decimal.", True),
        Column("information_ratio", "float64", "Annualised mean difference / error.", True),
        Column("up_capture", "float64", "Where the benchmark rose; 1 = 100 %.", True),
        Column("down_capture", "float64", "Where it fell; months from a year on, else days.", True),
        Column("reason", "text", "Why values are NULL.", True),
        Column("benchmark_reason", "text", "Why benchmark figures are NULL.", True),
        *_stamps(),
    ),
    ("instrument_id", "session", "frame", "return_basis"),
)

SCORES = Table(
    "funds",
    "scores",
    "Score 0-100 of each fund within its peer group (methodology B6), by frame and in one number.",
    (
        INSTRUMENT_ID,
        SESSION,
        Column("frame", "text", "1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL, or HEADLINE."),
        BASIS,
        Column("peer_group", "text", "Fund type, asset class and category.", True),
        Column("peer_count", "int32", "Members of the group on this session."),
        Column("score", "int32", "0-100, 100 is best.", True),
        Column("total_return_percentile", "float64", "0-100 in the group; 100 is best.", True),
        Column("annualized_return_percentile", "float64", "0-100; 100 is best.", True),
        Column("sharpe_percentile", "float64", "0-100; 100 is best.", True),
        Column("sortino_percentile", "float64", "0-100; 100 is best.", True),
        Column("calmar_percentile", "float64", "0-100; 100 is best.", True),
        Column("max_drawdown_percentile", "float64", "0-100; 100 fell least.", True),
        Column("volatility_percentile", "float64", "0-100; 100 is calmest.", True),
        Column("tracking_error_percentile", "float64", "0-100; 100 is closest.", True),
        Column("expense_ratio_percentile", "float64", "0-100; 100 is cheapest.", True),
        Column("weights_version", "text", "Version of the declared weights."),
        Column("reason", "text", "Why there is no score.", True),
        *_stamps(),
    ),
    ("instrument_id", "session", "frame", "return_basis"),
)
CARRIED = Table(
    "funds",
    "carried",
    "What the frame ALL keeps of prices before its cut (eleven years back), so that a later day of"
    " the same year need not read them; counts while nothing before it has changed.",
    (
        INSTRUMENT_ID,
        Column("session", "date", "Session in whose run it was kept."),
        BASIS,
        Column("calendar", "text", "Calendar of the series."),
        Column("cut", "date", "First day behind the cut."),
        Column("start_session", "date", "Session of the series' first price."),
        Column("last_session", "date", "Session of its last price before the cut."),
        Column("sessions", "int32", "Sessions from its first price to the one before the cut."),
        Column("n_returns", "int32", "Returns before the cut."),
        Column("growth", "float64", "Price before the cut / first price."),
        Column("benchmark_id", "int32", "Instrument that it is measured against.", True),
        Column("rates_vary", "bool", "True where risk-free rates are by date."),
        Column("sources", "text", "Ids of the instrument's sources before the cut, by comma."),
        Column("carrying", "text", "Ids of all sources whose prices carry dividends, by comma."),
        Column("mixed", "bool", "True where there are bars of both return bases."),
        Column("code_version", "text", "Of the rules that it was made by."),
        Column(
            "statistics",
            "text",
            "JSON: fields of finance/folds.py by statistic, and the lowest returns.",
        ),
        *_stamps(),
    ),
    ("instrument_id", "session", "return_basis"),
)

RECONCILIATION = Table(
    "ops",
    "reconciliation",
    "Our metrics beside those of other libraries under their conventions, differences explained.",
    (
        INSTRUMENT_ID,
        SESSION,
        Column("frame", "text", "1Y 3Y ALL."),
        BASIS,
        Column("metric", "text", "Column of funds.metrics or funds.risk."),
        Column("library", "text", "empyrical, quantstats or ffn."),
        Column("library_version", "text", "Version that was run."),
        Column("ours", "float64", "Our value.", True),
        Column("theirs", "float64", "The library's own default answer.", True),
        Column("expected", "float64", "Our returns under the library's convention.", True),
        Column(
            "explanation", "text", "By which convention the two differ; NULL: not at all.", True
        ),
        Column("explained", "bool", "False: theirs is neither ours nor expected."),
        *_stamps(),
    ),
    ("instrument_id", "session", "frame", "return_basis", "metric", "library"),
)

DATA_SYNC = Table(
    "ops",
    "data_sync",
    "One row per attempt to bring data: source, kind, sessions, what it cost and how it came out.",
    (
        Column("attempt_id", "text", "Run id and asset; for a check its own."),
        Column("source", "text", "Source name, as in the asset key raw/<name>/..."),
        Column("kind", "text", "Kind of data; `check` for `fundplatform sources check`."),
        Column("first_session", "date", "First session asked for.", True),
        Column("last_session", "date", "Last session asked for.", True),
        Column("symbols", "text", "Symbols, where only some were asked for.", True),
        Column("status", "text", "ok, failed, or paused (nothing was asked: see source_health)."),
        Column("started_at", "timestamp", "When it began (UTC)."),
        Column("finished_at", "timestamp", "When it ended (UTC)."),
        Column("calls", "int64", "Requests sent, retries included."),
        Column("rows_inserted", "int64", "New rows."),
        Column("rows_updated", "int64", "Rows whose values changed."),
        Column("rows_unchanged", "int64", "Rows equal to what was stored."),
        Column("rows_rejected", "int64", "Rows refused at load."),
        Column("sessions_absent", "int64", "Sessions not yet published: asked for again."),
        Column("symbols_skipped", "int64", "Symbols unknown to the vendor, or without data."),
        Column("failure", "text", "Kind of failure, see docs/vendors.md.", True),
        Column("problem", "text", "What went wrong, in words; never with a key.", True),
        *_stamps(),
    ),
    ("attempt_id",),
    partition=None,
    keeps_absent=True,
)
GAPS = Table(
    "ops",
    "gaps",
    "Ranges of expected sessions that a listing has no bar for, with what they came to.",
    (
        Column("source", "text", "Source name, as in the asset key raw/<name>/..."),
        Column("kind", "text", "Kind of data."),
        Column("vendor_symbol", "text", "The symbol as this source writes it; * the whole source."),
        Column("first_session", "date", "First session of the range."),
        Column("last_session", "date", "Last session of the range."),
        Column("sessions", "int64", "Expected sessions in it."),
        Column(
            "state",
            "text",
            "not_listed, not_yet_published, no_trade, vendor_missing, rejected or unfetched.",
        ),
        Column("place", "text", "head, interior, tail, or all: where in the listing's history."),
        Column("since", "timestamp", "When a range that begins here was first noted (UTC)."),
        Column("tries", "int64", "Answers that covered it and did not bring it."),
        Column("last_try_at", "timestamp", "End of the latest of them (UTC).", True),
        Column(
            "next_try_at", "timestamp", "When it is asked for again; NULL: at once or never.", True
        ),
        *_stamps(),
    ),
    ("source", "kind", "vendor_symbol", "first_session"),
    partition=None,
)
SOURCE_HEALTH = Table(
    "ops",
    "source_health",
    "State of each source after its latest attempt.",
    (
        Column("source", "text", "Source name."),
        Column("state", "text", "ACTIVE, RATE_LIMITED, ERROR or INACTIVE (see docs/vendors.md)."),
        Column("score", "float64", "Reliability 0-100 over the latest 20 attempts.", True),
        Column("requests_today", "int64", "Requests sent on the vendor's day."),
        Column("requests_quota", "int64", "Requests that the vendor allows a day.", True),
        Column("consecutive_failures", "int64", "Failed attempts since the latest success."),
        Column("last_attempt_at", "timestamp", "End of the latest attempt (UTC).", True),
        Column("last_success_at", "timestamp", "End of the latest success (UTC).", True),
        Column("last_failure", "text", "Kind of the latest failure.", True),
        Column("paused_until", "timestamp", "Nothing is asked before (UTC).", True),
        *_stamps(),
    ),
    ("source",),
    partition=None,
    keeps_absent=True,
)

CONSENSUS = Table(
    "prices",
    "consensus",
    "Bars that several sources have on one basis: which source is used and why.",
    (
        INSTRUMENT_ID,
        Column("interval", "text", "Bar length."),
        Column("quote", "text", "Quote currency."),
        Column("bar_open_at", "timestamp", "Start of the bar (UTC)."),
        SESSION,
        Column("source_id", "int16", "Source used: `selected` in prices.validated.", True),
        Column("adjustment", "text", "Basis on which they were compared."),
        Column("n_sources", "int32", "Sources with this bar on this basis."),
        Column("median_close", "float64", "Median close of these sources, quote currency."),
        Column("deviation", "float64", "Largest |close / median - 1| among them, decimal."),
        Column("tolerance", "float64", "Tolerance of the asset class (V23), decimal."),
        Column("outliers", "text", "Ids of sources beyond it, comma-separated.", True),
        Column("reason", "text", "Why this source is used, in words."),
        *_stamps(),
    ),
    ("instrument_id", "interval", "quote", "bar_open_at"),
    revisions=True,
)
SOURCE_RELIABILITY = Table(
    "ops",
    "source_reliability",
    "Per source and session: how its bars compared, came and lasted; score over 60 sessions.",
    (
        SOURCE_ID,
        SESSION,
        Column("rows", "int64", "Raw bars of the session."),
        Column("rows_compared", "int64", "Of these, also in another source on the same basis."),
        Column("rows_agreeing", "int64", "Of these, within the tolerance of the median (V23)."),
        Column("rows_expected", "int64", "Instruments it had in its session before or has now."),
        Column("rows_present", "int64", "Of these, in this session."),
        Column("rows_timed", "int64", "Bars fetched within a week of their close."),
        Column("rows_timely", "int64", "Of these, within a day of it."),
        Column("rows_corrected", "int64", "Bars whose values it changed later."),
        Column("score", "float64", "0-100 over up to 60 sessions, see docs/reliability.md.", True),
        *_stamps(),
    ),
    ("source_id", "session"),
)
QUALITY_RESULTS = Table(
    "ops",
    "quality_results",
    "How each expectation of each suite went, run by run.",
    (
        Column("check_id", "text", "Run id and the instant of the check."),
        Column("table_name", "text", "Table whose batch was held against the suite."),
        Column("suite", "text", "`contract`, or the name of a file in the home's expectations/."),
        Column("number", "int32", "Place of the expectation in its suite, from 1."),
        Column("expectation", "text", "Great Expectations' type."),
        Column("passed", "bool", "Whether it held."),
        Column("expected", "text", "What must hold."),
        Column("actual", "text", "What was found."),
        Column("unexpected", "int64", "Values that broke it, where it counts them.", True),
        Column("offenders", "text", "Up to five of them, JSON.", True),
        Column("rows", "int64", "Rows of the batch."),
        Column("from_session", "date", "First session of the batch.", True),
        Column("to_session", "date", "Last session of the batch.", True),
        *_stamps(),
    ),
    ("check_id", "table_name", "suite", "number"),
    partition=None,
    keeps_absent=True,
)

CHANGES = Table(
    "ops",
    "changes",
    "Per asset and session: which write changed it last, and which writes had been read for it.",
    (
        Column("asset", "text", "Asset key; empty: the row of the newest number."),
        Column(
            "session",
            "date",
            "Session; of a whole without sessions the first one touched; 1900-01-01: all of them.",
        ),
        Column("changed", "int64", "Number of the last write that changed a row of it; 0: none."),
        Column("seen", "int64", "Writes up to this number had been read for it.", True),
        *_stamps(),
    ),
    ("asset", "session"),
    keeps_absent=True,
)
TABLES: tuple[Table, ...] = (
    OHLCV,
    TRADES,
    OBSERVATIONS,
    CORPORATE_ACTIONS,
    SHARES,
    MARKET_CAPS,
    FUND_FACTS,
    HOLDINGS,
    PROFILES,
    QUOTES,
    REJECTED_AT_LOAD,
    PAYLOADS,
    SOURCES,
    INSTRUMENTS,
    LISTINGS,
    STATEMENTS,
    TRACKED,
    PROPOSALS,
    IDENTITY_DECISIONS,
    SECURITIES,
    CAPS,
    FACTS,
    POSITIONS,
    OVERLAPS,
    EXPOSURES,
    ADJUSTMENT_FACTORS,
    ACTIONS,
    TOTAL_RETURN_FACTORS,
    TIERS,
    VALIDATED,
    REJECTED,
    COMPOSITIONS,
    PERFORMANCE,
    LEVELS,
    COMPOSITION_CHANGES,
    CONTRIBUTIONS,
    UNPRICED,
    EXCLUSIONS,
    BASKETS,
    METRICS,
    RISK,
    SCORES,
    CARRIED,
    RECONCILIATION,
    GATES,
    FINDINGS,
    OVERRIDES,
    LOADS,
    DATA_SYNC,
    SOURCE_HEALTH,
    GAPS,
    CONSENSUS,
    SOURCE_RELIABILITY,
    QUALITY_RESULTS,
    CHANGES,
)
BY_NAME: dict[str, Table] = {t.full_name: t for t in TABLES}
SCHEMAS: tuple[str, ...] = ("raw", "catalog", "prices", "indices", "funds", "ops", "marts")


def revisions_of(table: Table) -> Table:
    """The ledger of superseded versions: the table's columns plus `recorded_to`."""
    until = Column("recorded_to", "timestamp", "When this version was superseded (UTC).")
    return Table(
        table.schema,
        f"{table.name}_revisions",
        f"Superseded versions of {table.full_name}.",
        (*table.columns, until),
        (*table.key, "recorded_to"),
        table.partition,
        keeps_absent=True,
        stamps=(*table.stamps, "recorded_to"),
    )


def cast(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with exactly the table's columns, by name, in order, in the exact types.

    Raises:
        SchemaError: A column is missing or unknown, or a value does not fit its type.
    """
    missing = [n for n in table.column_names if n not in frame.columns]
    unknown = [n for n in frame.columns if n not in table.column_names]
    if missing or unknown:
        raise SchemaError(
            table.full_name,
            f"missing columns {missing}, unknown columns {unknown}",
            f"Return exactly {list(table.column_names)}",
        )
    try:
        return frame.select(pl.col(n).cast(t) for n, t in table.polars_schema.items())
    except pl.exceptions.PolarsError as error:
        raise SchemaError(
            table.full_name, f"a value does not fit its type: {error}", "Cast it first"
        ) from error
