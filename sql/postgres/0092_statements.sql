-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0092_statements > sql/postgres/0092_statements.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS catalog.statements (
  "source_id" SMALLINT NOT NULL,
  "vendor_symbol" TEXT COLLATE "C" NOT NULL,
  "valid_from" DATE NOT NULL,
  "valid_to" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("source_id", "vendor_symbol", "valid_from")
);
COMMENT ON TABLE catalog.statements IS 'Whom a source''s statements (fund facts, holdings, profiles) are of; nothing trades by them.';
COMMENT ON COLUMN catalog.statements."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.statements."vendor_symbol" IS 'The symbol as this source writes it.';
COMMENT ON COLUMN catalog.statements."valid_from" IS 'Day of the first statement.';
COMMENT ON COLUMN catalog.statements."valid_to" IS 'Day of the last statement seen so far.';
COMMENT ON COLUMN catalog.statements."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.statements."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.statements."run_id" IS 'Dagster run that wrote this version.';
