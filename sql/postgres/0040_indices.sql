-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0040_indices > sql/postgres/0040_indices.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS indices.baskets (
  "index_name" TEXT COLLATE "C" NOT NULL,
  "session" DATE NOT NULL,
  "reviewed" BOOLEAN NOT NULL,
  "basket_value" DOUBLE PRECISION,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "index_name")
);
COMMENT ON TABLE indices.baskets IS 'One row per session of an index with a basket: whether it was reviewed, and its worth.';
COMMENT ON COLUMN indices.baskets."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.baskets."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.baskets."reviewed" IS 'True: names and weights were chosen anew at this close.';
COMMENT ON COLUMN indices.baskets."basket_value" IS 'Cap and price weights: sum of what the weights are proportional to, after the close''s changes; divisor = basket_value / price level.';
COMMENT ON COLUMN indices.baskets."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.baskets."run_id" IS 'Dagster run that wrote this version.';
