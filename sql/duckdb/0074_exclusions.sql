-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0074_exclusions > sql/duckdb/0074_exclusions.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS indices.exclusions (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "rank" INTEGER NOT NULL,
  "measure" DOUBLE NOT NULL,
  "excluded_by" VARCHAR NOT NULL,
  "reason" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
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
