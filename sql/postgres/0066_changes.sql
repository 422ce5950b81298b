-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0066_changes > sql/postgres/0066_changes.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS ops.changes (
  "asset" TEXT COLLATE "C" NOT NULL,
  "session" DATE NOT NULL,
  "changed" BIGINT NOT NULL,
  "seen" BIGINT,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "asset")
);
COMMENT ON TABLE ops.changes IS 'Per asset and session: which write changed it last, and which writes had been read for it.';
COMMENT ON COLUMN ops.changes."asset" IS 'Asset key; empty: the row of the newest number.';
COMMENT ON COLUMN ops.changes."session" IS 'Session; of a whole without sessions the first one touched; 1900-01-01: all of them.';
COMMENT ON COLUMN ops.changes."changed" IS 'Number of the last write that changed a row of it; 0: none.';
COMMENT ON COLUMN ops.changes."seen" IS 'Writes up to this number had been read for it.';
COMMENT ON COLUMN ops.changes."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.changes."run_id" IS 'Dagster run that wrote this version.';
