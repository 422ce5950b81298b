-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0066_changes > sql/duckdb/0066_changes.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS ops.changes (
  "asset" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "changed" BIGINT NOT NULL,
  "seen" BIGINT,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE ops.changes IS 'Per asset and session: which write changed it last, and which writes had been read for it.';
COMMENT ON COLUMN ops.changes."asset" IS 'Asset key; empty: the row of the newest number.';
COMMENT ON COLUMN ops.changes."session" IS 'Session; of a whole without sessions the first one touched; 1900-01-01: all of them.';
COMMENT ON COLUMN ops.changes."changed" IS 'Number of the last write that changed a row of it; 0: none.';
COMMENT ON COLUMN ops.changes."seen" IS 'Writes up to this number had been read for it.';
COMMENT ON COLUMN ops.changes."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.changes."run_id" IS 'Dagster run that wrote this version.';
