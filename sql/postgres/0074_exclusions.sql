-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0074_exclusions > sql/postgres/0074_exclusions.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS indices.exclusions (
  "index_name" TEXT COLLATE "C" NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "rank" INTEGER NOT NULL,
  "measure" DOUBLE PRECISION NOT NULL,
  "excluded_by" TEXT COLLATE "C" NOT NULL,
  "reason" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "index_name", "instrument_id")
);
COMMENT ON TABLE indices.exclusions IS 'Names that would be among the first N by market cap, but have no cap that is trusted, or are kept out by the rule of the universe.';
COMMENT ON COLUMN indices.exclusions."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.exclusions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.exclusions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN indices.exclusions."rank" IS 'Rank it would have, the cap taken as it is stated.';
COMMENT ON COLUMN indices.exclusions."measure" IS 'Market cap as stated, base currency.';
COMMENT ON COLUMN indices.exclusions."excluded_by" IS 'cap: not trusted; rule: not of the universe.';
COMMENT ON COLUMN indices.exclusions."reason" IS 'What is wrong with the cap, or which rule.';
COMMENT ON COLUMN indices.exclusions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.exclusions."run_id" IS 'Dagster run that wrote this version.';
