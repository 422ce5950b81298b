-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0011_funds > sql/postgres/0011_funds.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS raw.fund_facts (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "effective_on" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "name" TEXT COLLATE "C",
  "fund_type" TEXT COLLATE "C",
  "category" TEXT COLLATE "C",
  "issuer" TEXT COLLATE "C",
  "share_class" TEXT COLLATE "C",
  "series" TEXT COLLATE "C",
  "inception" DATE,
  "expense_ratio" DOUBLE PRECISION,
  "gross_expense_ratio" DOUBLE PRECISION,
  "aum" DOUBLE PRECISION,
  "currency" TEXT COLLATE "C",
  "active" BOOLEAN,
  "reference" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "source_id", "instrument_id", "effective_on", "known_at")
);
COMMENT ON TABLE raw.fund_facts IS 'What a fund is and costs, by the day it holds from and the day it was known.';
COMMENT ON COLUMN raw.fund_facts."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.fund_facts."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.fund_facts."effective_on" IS 'Day from which it holds (prospectus, else snapshot).';
COMMENT ON COLUMN raw.fund_facts."known_at" IS 'When the public could know it: filing or snapshot (UTC).';
COMMENT ON COLUMN raw.fund_facts."session" IS 'Day of `known_at` in the fund''s market.';
COMMENT ON COLUMN raw.fund_facts."name" IS 'Name of the fund.';
COMMENT ON COLUMN raw.fund_facts."fund_type" IS 'etf, mutual_fund, money_market, index, closed_end, ...';
COMMENT ON COLUMN raw.fund_facts."category" IS 'Category as the source names it (Large Growth).';
COMMENT ON COLUMN raw.fund_facts."issuer" IS 'Fund family or trust.';
COMMENT ON COLUMN raw.fund_facts."share_class" IS 'Share class, or the SEC''s class id.';
COMMENT ON COLUMN raw.fund_facts."series" IS 'Fund of which it is a class: the SEC''s series id.';
COMMENT ON COLUMN raw.fund_facts."inception" IS 'First day of the fund.';
COMMENT ON COLUMN raw.fund_facts."expense_ratio" IS 'Net of waivers, yearly, decimal (0.2 % = 0.002).';
COMMENT ON COLUMN raw.fund_facts."gross_expense_ratio" IS 'Before waivers, a year, decimal.';
COMMENT ON COLUMN raw.fund_facts."aum" IS 'Net assets, units of `currency`.';
COMMENT ON COLUMN raw.fund_facts."currency" IS 'Currency of `aum`.';
COMMENT ON COLUMN raw.fund_facts."active" IS 'False: closed or liquidated; NULL: not said.';
COMMENT ON COLUMN raw.fund_facts."reference" IS 'Where the facts are published (accession number).';
COMMENT ON COLUMN raw.fund_facts."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.fund_facts."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.fund_facts."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.fund_facts."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.fund_facts_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "effective_on" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "name" TEXT COLLATE "C",
  "fund_type" TEXT COLLATE "C",
  "category" TEXT COLLATE "C",
  "issuer" TEXT COLLATE "C",
  "share_class" TEXT COLLATE "C",
  "series" TEXT COLLATE "C",
  "inception" DATE,
  "expense_ratio" DOUBLE PRECISION,
  "gross_expense_ratio" DOUBLE PRECISION,
  "aum" DOUBLE PRECISION,
  "currency" TEXT COLLATE "C",
  "active" BOOLEAN,
  "reference" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.fund_facts_revisions IS 'Superseded versions of raw.fund_facts.';
COMMENT ON COLUMN raw.fund_facts_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.fund_facts_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.fund_facts_revisions."effective_on" IS 'Day from which it holds (prospectus, else snapshot).';
COMMENT ON COLUMN raw.fund_facts_revisions."known_at" IS 'When the public could know it: filing or snapshot (UTC).';
COMMENT ON COLUMN raw.fund_facts_revisions."session" IS 'Day of `known_at` in the fund''s market.';
COMMENT ON COLUMN raw.fund_facts_revisions."name" IS 'Name of the fund.';
COMMENT ON COLUMN raw.fund_facts_revisions."fund_type" IS 'etf, mutual_fund, money_market, index, closed_end, ...';
COMMENT ON COLUMN raw.fund_facts_revisions."category" IS 'Category as the source names it (Large Growth).';
COMMENT ON COLUMN raw.fund_facts_revisions."issuer" IS 'Fund family or trust.';
COMMENT ON COLUMN raw.fund_facts_revisions."share_class" IS 'Share class, or the SEC''s class id.';
COMMENT ON COLUMN raw.fund_facts_revisions."series" IS 'Fund of which it is a class: the SEC''s series id.';
COMMENT ON COLUMN raw.fund_facts_revisions."inception" IS 'First day of the fund.';
COMMENT ON COLUMN raw.fund_facts_revisions."expense_ratio" IS 'Net of waivers, yearly, decimal (0.2 % = 0.002).';
COMMENT ON COLUMN raw.fund_facts_revisions."gross_expense_ratio" IS 'Before waivers, a year, decimal.';
COMMENT ON COLUMN raw.fund_facts_revisions."aum" IS 'Net assets, units of `currency`.';
COMMENT ON COLUMN raw.fund_facts_revisions."currency" IS 'Currency of `aum`.';
COMMENT ON COLUMN raw.fund_facts_revisions."active" IS 'False: closed or liquidated; NULL: not said.';
COMMENT ON COLUMN raw.fund_facts_revisions."reference" IS 'Where the facts are published (accession number).';
COMMENT ON COLUMN raw.fund_facts_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.fund_facts_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.fund_facts_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.fund_facts_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.fund_facts_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.holdings (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "as_of" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "line" INTEGER NOT NULL,
  "name" TEXT COLLATE "C",
  "title" TEXT COLLATE "C",
  "ticker" TEXT COLLATE "C",
  "isin" TEXT COLLATE "C",
  "cusip" TEXT COLLATE "C",
  "lei" TEXT COLLATE "C",
  "asset_category" TEXT COLLATE "C",
  "sector" TEXT COLLATE "C",
  "country" TEXT COLLATE "C",
  "currency" TEXT COLLATE "C",
  "balance" DOUBLE PRECISION,
  "units" TEXT COLLATE "C",
  "market_value" DOUBLE PRECISION,
  "value_currency" TEXT COLLATE "C" NOT NULL,
  "weight" DOUBLE PRECISION,
  "direction" TEXT COLLATE "C",
  "net_assets" DOUBLE PRECISION,
  "reference" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "source_id", "instrument_id", "as_of", "known_at", "line")
);
COMMENT ON TABLE raw.holdings IS 'What a fund held, by the day of the report and the day it was public; one row a position.';
COMMENT ON COLUMN raw.holdings."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.holdings."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.holdings."as_of" IS 'Day that the positions were held.';
COMMENT ON COLUMN raw.holdings."known_at" IS 'When the public could know it: filing (UTC).';
COMMENT ON COLUMN raw.holdings."session" IS 'Day of `known_at` in the fund''s market.';
COMMENT ON COLUMN raw.holdings."line" IS '1-based place in the report.';
COMMENT ON COLUMN raw.holdings."name" IS 'Issuer, or the position where it has none (cash).';
COMMENT ON COLUMN raw.holdings."title" IS 'The issue.';
COMMENT ON COLUMN raw.holdings."ticker" IS 'Ticker as reported.';
COMMENT ON COLUMN raw.holdings."isin" IS 'ISIN.';
COMMENT ON COLUMN raw.holdings."cusip" IS 'CUSIP.';
COMMENT ON COLUMN raw.holdings."lei" IS 'LEI of the issuer.';
COMMENT ON COLUMN raw.holdings."asset_category" IS 'As reported; N-PORT: EC equity, DBT debt, ...';
COMMENT ON COLUMN raw.holdings."sector" IS 'Sector, or N-PORT''s kind of issuer (CORP, MUN, ...).';
COMMENT ON COLUMN raw.holdings."country" IS 'Country of the issuer, ISO 3166-1 alpha-2 where given.';
COMMENT ON COLUMN raw.holdings."currency" IS 'Currency of the position.';
COMMENT ON COLUMN raw.holdings."balance" IS 'Quantity in `units`.';
COMMENT ON COLUMN raw.holdings."units" IS 'NS shares, PA principal amount, NC contracts, OU other.';
COMMENT ON COLUMN raw.holdings."market_value" IS 'Value in `value_currency`; negative: owed.';
COMMENT ON COLUMN raw.holdings."value_currency" IS 'Currency of `market_value` and `net_assets`.';
COMMENT ON COLUMN raw.holdings."weight" IS 'Share of net assets, decimal; shorts negative.';
COMMENT ON COLUMN raw.holdings."direction" IS 'long, short, or NULL for derivatives.';
COMMENT ON COLUMN raw.holdings."net_assets" IS 'Net assets of the fund in the report.';
COMMENT ON COLUMN raw.holdings."reference" IS 'Where it is published (accession number).';
COMMENT ON COLUMN raw.holdings."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.holdings."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.holdings."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.holdings."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.holdings_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "as_of" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "line" INTEGER NOT NULL,
  "name" TEXT COLLATE "C",
  "title" TEXT COLLATE "C",
  "ticker" TEXT COLLATE "C",
  "isin" TEXT COLLATE "C",
  "cusip" TEXT COLLATE "C",
  "lei" TEXT COLLATE "C",
  "asset_category" TEXT COLLATE "C",
  "sector" TEXT COLLATE "C",
  "country" TEXT COLLATE "C",
  "currency" TEXT COLLATE "C",
  "balance" DOUBLE PRECISION,
  "units" TEXT COLLATE "C",
  "market_value" DOUBLE PRECISION,
  "value_currency" TEXT COLLATE "C" NOT NULL,
  "weight" DOUBLE PRECISION,
  "direction" TEXT COLLATE "C",
  "net_assets" DOUBLE PRECISION,
  "reference" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.holdings_revisions IS 'Superseded versions of raw.holdings.';
COMMENT ON COLUMN raw.holdings_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.holdings_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.holdings_revisions."as_of" IS 'Day that the positions were held.';
COMMENT ON COLUMN raw.holdings_revisions."known_at" IS 'When the public could know it: filing (UTC).';
COMMENT ON COLUMN raw.holdings_revisions."session" IS 'Day of `known_at` in the fund''s market.';
COMMENT ON COLUMN raw.holdings_revisions."line" IS '1-based place in the report.';
COMMENT ON COLUMN raw.holdings_revisions."name" IS 'Issuer, or the position where it has none (cash).';
COMMENT ON COLUMN raw.holdings_revisions."title" IS 'The issue.';
COMMENT ON COLUMN raw.holdings_revisions."ticker" IS 'Ticker as reported.';
COMMENT ON COLUMN raw.holdings_revisions."isin" IS 'ISIN.';
COMMENT ON COLUMN raw.holdings_revisions."cusip" IS 'CUSIP.';
COMMENT ON COLUMN raw.holdings_revisions."lei" IS 'LEI of the issuer.';
COMMENT ON COLUMN raw.holdings_revisions."asset_category" IS 'As reported; N-PORT: EC equity, DBT debt, ...';
COMMENT ON COLUMN raw.holdings_revisions."sector" IS 'Sector, or N-PORT''s kind of issuer (CORP, MUN, ...).';
COMMENT ON COLUMN raw.holdings_revisions."country" IS 'Country of the issuer, ISO 3166-1 alpha-2 where given.';
COMMENT ON COLUMN raw.holdings_revisions."currency" IS 'Currency of the position.';
COMMENT ON COLUMN raw.holdings_revisions."balance" IS 'Quantity in `units`.';
COMMENT ON COLUMN raw.holdings_revisions."units" IS 'NS shares, PA principal amount, NC contracts, OU other.';
COMMENT ON COLUMN raw.holdings_revisions."market_value" IS 'Value in `value_currency`; negative: owed.';
COMMENT ON COLUMN raw.holdings_revisions."value_currency" IS 'Currency of `market_value` and `net_assets`.';
COMMENT ON COLUMN raw.holdings_revisions."weight" IS 'Share of net assets, decimal; shorts negative.';
COMMENT ON COLUMN raw.holdings_revisions."direction" IS 'long, short, or NULL for derivatives.';
COMMENT ON COLUMN raw.holdings_revisions."net_assets" IS 'Net assets of the fund in the report.';
COMMENT ON COLUMN raw.holdings_revisions."reference" IS 'Where it is published (accession number).';
COMMENT ON COLUMN raw.holdings_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.holdings_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.holdings_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.holdings_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.holdings_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.profiles (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "name" TEXT COLLATE "C",
  "exchange" TEXT COLLATE "C",
  "sector" TEXT COLLATE "C",
  "industry" TEXT COLLATE "C",
  "country" TEXT COLLATE "C",
  "listed_year" INTEGER,
  "cik" BIGINT,
  "series" TEXT COLLATE "C",
  "share_class" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("source_id", "instrument_id")
);
COMMENT ON TABLE raw.profiles IS 'What an instrument''s issuer is: sector, country, identifiers. What changed is in the ledger.';
COMMENT ON COLUMN raw.profiles."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.profiles."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.profiles."name" IS 'Name of the issuer or issue.';
COMMENT ON COLUMN raw.profiles."exchange" IS 'Exchange as the source names it.';
COMMENT ON COLUMN raw.profiles."sector" IS 'Sector as the source names it.';
COMMENT ON COLUMN raw.profiles."industry" IS 'Industry as the source names it.';
COMMENT ON COLUMN raw.profiles."country" IS 'Country as the source names it.';
COMMENT ON COLUMN raw.profiles."listed_year" IS 'Year of the first listing.';
COMMENT ON COLUMN raw.profiles."cik" IS 'The SEC''s number of the filer.';
COMMENT ON COLUMN raw.profiles."series" IS 'The SEC''s series id of a fund.';
COMMENT ON COLUMN raw.profiles."share_class" IS 'The SEC''s class id of a fund''s share class.';
COMMENT ON COLUMN raw.profiles."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.profiles."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.profiles."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.profiles."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.profiles_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "name" TEXT COLLATE "C",
  "exchange" TEXT COLLATE "C",
  "sector" TEXT COLLATE "C",
  "industry" TEXT COLLATE "C",
  "country" TEXT COLLATE "C",
  "listed_year" INTEGER,
  "cik" BIGINT,
  "series" TEXT COLLATE "C",
  "share_class" TEXT COLLATE "C",
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.profiles_revisions IS 'Superseded versions of raw.profiles.';
COMMENT ON COLUMN raw.profiles_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.profiles_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.profiles_revisions."name" IS 'Name of the issuer or issue.';
COMMENT ON COLUMN raw.profiles_revisions."exchange" IS 'Exchange as the source names it.';
COMMENT ON COLUMN raw.profiles_revisions."sector" IS 'Sector as the source names it.';
COMMENT ON COLUMN raw.profiles_revisions."industry" IS 'Industry as the source names it.';
COMMENT ON COLUMN raw.profiles_revisions."country" IS 'Country as the source names it.';
COMMENT ON COLUMN raw.profiles_revisions."listed_year" IS 'Year of the first listing.';
COMMENT ON COLUMN raw.profiles_revisions."cik" IS 'The SEC''s number of the filer.';
COMMENT ON COLUMN raw.profiles_revisions."series" IS 'The SEC''s series id of a fund.';
COMMENT ON COLUMN raw.profiles_revisions."share_class" IS 'The SEC''s class id of a fund''s share class.';
COMMENT ON COLUMN raw.profiles_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.profiles_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.profiles_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.profiles_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.profiles_revisions."recorded_to" IS 'When this version was superseded (UTC).';
