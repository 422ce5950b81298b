-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0040_indices > sql/duckdb/0040_indices.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS indices.baskets (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "reviewed" BOOLEAN NOT NULL,
  "basket_value" DOUBLE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.baskets IS 'One row per session of an index with a basket: whether it was reviewed, and its worth.';
COMMENT ON COLUMN indices.baskets."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.baskets."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.baskets."reviewed" IS 'True: names and weights were chosen anew at this close.';
COMMENT ON COLUMN indices.baskets."basket_value" IS 'Cap and price weights: sum of what the weights are proportional to, after the close''s changes; divisor = basket_value / price level.';
COMMENT ON COLUMN indices.baskets."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.baskets."run_id" IS 'Dagster run that wrote this version.';
