-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0078_fund_exposures > sql/postgres/0078_fund_exposures.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS catalog.fund_exposures (
  "instrument_id" INTEGER NOT NULL,
  "as_of" DATE NOT NULL,
  "kind" TEXT COLLATE "C" NOT NULL,
  "name" TEXT COLLATE "C" NOT NULL,
  "weight" DOUBLE PRECISION NOT NULL,
  "through" DOUBLE PRECISION NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "as_of", "kind", "name")
);
COMMENT ON TABLE catalog.fund_exposures IS 'Sectors and countries of what a fund holds, through the funds that it holds.';
COMMENT ON COLUMN catalog.fund_exposures."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.fund_exposures."as_of" IS 'Day of the fund''s report.';
COMMENT ON COLUMN catalog.fund_exposures."kind" IS 'sector (GICS names) or country (ISO 3166-1 alpha-2).';
COMMENT ON COLUMN catalog.fund_exposures."name" IS 'The sector or country; (unknown): nobody says.';
COMMENT ON COLUMN catalog.fund_exposures."weight" IS 'Share of net assets, decimal; shorts negative.';
COMMENT ON COLUMN catalog.fund_exposures."through" IS 'Part of `weight` held through other funds, decimal.';
COMMENT ON COLUMN catalog.fund_exposures."known_at" IS 'When the public could know the reports used (UTC).';
COMMENT ON COLUMN catalog.fund_exposures."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.fund_exposures."run_id" IS 'Dagster run that wrote this version.';
