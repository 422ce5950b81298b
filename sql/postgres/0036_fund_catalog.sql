-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0036_fund_catalog > sql/postgres/0036_fund_catalog.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS catalog.fund_facts (
  "instrument_id" INTEGER NOT NULL,
  "valid_from" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "valid_to" DATE,
  "superseded_at" TIMESTAMP WITH TIME ZONE,
  "source_id" SMALLINT NOT NULL,
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
  "stated_expense_ratio" DOUBLE PRECISION,
  "problem" TEXT COLLATE "C",
  "reference" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "valid_from", "known_at")
);
COMMENT ON TABLE catalog.fund_facts IS 'What a fund was and cost, version by version; closed funds keep theirs.';
COMMENT ON COLUMN catalog.fund_facts."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.fund_facts."valid_from" IS 'First day on which it holds.';
COMMENT ON COLUMN catalog.fund_facts."known_at" IS 'When the public could know it (UTC).';
COMMENT ON COLUMN catalog.fund_facts."valid_to" IS 'Last day, as known now; NULL: it still holds.';
COMMENT ON COLUMN catalog.fund_facts."superseded_at" IS 'When the same day was stated anew (UTC).';
COMMENT ON COLUMN catalog.fund_facts."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.fund_facts."name" IS 'Name of the fund.';
COMMENT ON COLUMN catalog.fund_facts."fund_type" IS 'etf, mutual_fund, money_market, index, closed_end, ...';
COMMENT ON COLUMN catalog.fund_facts."category" IS 'Category as the source names it.';
COMMENT ON COLUMN catalog.fund_facts."issuer" IS 'Fund family or trust.';
COMMENT ON COLUMN catalog.fund_facts."share_class" IS 'Share class, or the SEC''s class id.';
COMMENT ON COLUMN catalog.fund_facts."series" IS 'Fund of which it is a class: the SEC''s series id.';
COMMENT ON COLUMN catalog.fund_facts."inception" IS 'First day of the fund.';
COMMENT ON COLUMN catalog.fund_facts."expense_ratio" IS 'A year, net, decimal: the last one trusted.';
COMMENT ON COLUMN catalog.fund_facts."gross_expense_ratio" IS 'Before waivers, a year, decimal.';
COMMENT ON COLUMN catalog.fund_facts."aum" IS 'Net assets, units of `currency`.';
COMMENT ON COLUMN catalog.fund_facts."currency" IS 'Currency of `aum`.';
COMMENT ON COLUMN catalog.fund_facts."active" IS 'False: closed or liquidated; NULL: not said.';
COMMENT ON COLUMN catalog.fund_facts."stated_expense_ratio" IS 'As this statement says it.';
COMMENT ON COLUMN catalog.fund_facts."problem" IS 'Why the stated ratio is not trusted (percent, not decimal?).';
COMMENT ON COLUMN catalog.fund_facts."reference" IS 'Where the facts are published.';
COMMENT ON COLUMN catalog.fund_facts."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.fund_facts."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.holdings (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "as_of" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "line" INTEGER NOT NULL,
  "holding_id" INTEGER,
  "matched_by" TEXT COLLATE "C",
  "security" TEXT COLLATE "C" NOT NULL,
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
  "weight_sum" DOUBLE PRECISION NOT NULL,
  "complete" BOOLEAN NOT NULL,
  "reference" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("source_id", "instrument_id", "as_of", "known_at", "line")
);
COMMENT ON TABLE catalog.holdings IS 'What funds held, each position with its instrument where that is known.';
COMMENT ON COLUMN catalog.holdings."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.holdings."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.holdings."as_of" IS 'Day that the positions were held.';
COMMENT ON COLUMN catalog.holdings."known_at" IS 'When the public could know it (UTC).';
COMMENT ON COLUMN catalog.holdings."line" IS '1-based place in the report.';
COMMENT ON COLUMN catalog.holdings."holding_id" IS 'Instrument held; NULL: not known here.';
COMMENT ON COLUMN catalog.holdings."matched_by" IS 'What told the instrument: isin, cusip, ticker or lei.';
COMMENT ON COLUMN catalog.holdings."security" IS 'The security, the same in every fund: by it they are compared.';
COMMENT ON COLUMN catalog.holdings."name" IS 'Issuer, or the position where it has none (cash).';
COMMENT ON COLUMN catalog.holdings."title" IS 'The issue.';
COMMENT ON COLUMN catalog.holdings."ticker" IS 'Ticker as reported.';
COMMENT ON COLUMN catalog.holdings."isin" IS 'ISIN.';
COMMENT ON COLUMN catalog.holdings."cusip" IS 'CUSIP.';
COMMENT ON COLUMN catalog.holdings."lei" IS 'LEI of the issuer.';
COMMENT ON COLUMN catalog.holdings."asset_category" IS 'As reported.';
COMMENT ON COLUMN catalog.holdings."sector" IS 'As reported.';
COMMENT ON COLUMN catalog.holdings."country" IS 'As reported.';
COMMENT ON COLUMN catalog.holdings."currency" IS 'Currency of the position.';
COMMENT ON COLUMN catalog.holdings."balance" IS 'Quantity in `units`.';
COMMENT ON COLUMN catalog.holdings."units" IS 'NS shares, PA principal amount, NC contracts, OU other.';
COMMENT ON COLUMN catalog.holdings."market_value" IS 'Value in `value_currency`; negative: owed.';
COMMENT ON COLUMN catalog.holdings."value_currency" IS 'Currency of `market_value` and `net_assets`.';
COMMENT ON COLUMN catalog.holdings."weight" IS 'Share of net assets, decimal; shorts negative.';
COMMENT ON COLUMN catalog.holdings."direction" IS 'long, short, or NULL.';
COMMENT ON COLUMN catalog.holdings."net_assets" IS 'Net assets of the fund in the report.';
COMMENT ON COLUMN catalog.holdings."weight_sum" IS 'Sum of the weights of the whole report.';
COMMENT ON COLUMN catalog.holdings."complete" IS 'False: the sum lies outside 0.95 to 1.05.';
COMMENT ON COLUMN catalog.holdings."reference" IS 'Where it is published.';
COMMENT ON COLUMN catalog.holdings."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.holdings."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.fund_overlaps (
  "instrument_id" INTEGER NOT NULL,
  "other_id" INTEGER NOT NULL,
  "as_of" DATE NOT NULL,
  "other_as_of" DATE NOT NULL,
  "overlap" DOUBLE PRECISION NOT NULL,
  "active_share" DOUBLE PRECISION NOT NULL,
  "jaccard" DOUBLE PRECISION NOT NULL,
  "common" BIGINT NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "other_id")
);
COMMENT ON TABLE catalog.fund_overlaps IS 'How alike two funds'' latest complete reports are, from an overlap of 10 % on.';
COMMENT ON COLUMN catalog.fund_overlaps."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.fund_overlaps."other_id" IS 'The other fund, the higher number.';
COMMENT ON COLUMN catalog.fund_overlaps."as_of" IS 'Day of the fund''s report.';
COMMENT ON COLUMN catalog.fund_overlaps."other_as_of" IS 'Day of the other''s, at most 100 days apart.';
COMMENT ON COLUMN catalog.fund_overlaps."overlap" IS 'Sum of the smaller weights of what both hold, decimal.';
COMMENT ON COLUMN catalog.fund_overlaps."active_share" IS 'Half the sum of the weights'' differences, decimal.';
COMMENT ON COLUMN catalog.fund_overlaps."jaccard" IS 'Securities in both over securities in either.';
COMMENT ON COLUMN catalog.fund_overlaps."common" IS 'Securities in both.';
COMMENT ON COLUMN catalog.fund_overlaps."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.fund_overlaps."run_id" IS 'Dagster run that wrote this version.';
