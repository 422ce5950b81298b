-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0050_gaps > sql/postgres/0050_gaps.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS ops.gaps (
  "source" TEXT COLLATE "C" NOT NULL,
  "kind" TEXT COLLATE "C" NOT NULL,
  "vendor_symbol" TEXT COLLATE "C" NOT NULL,
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "sessions" BIGINT NOT NULL,
  "state" TEXT COLLATE "C" NOT NULL,
  "place" TEXT COLLATE "C" NOT NULL,
  "since" TIMESTAMP WITH TIME ZONE NOT NULL,
  "tries" BIGINT NOT NULL,
  "last_try_at" TIMESTAMP WITH TIME ZONE,
  "next_try_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("source", "kind", "vendor_symbol", "first_session")
);
COMMENT ON TABLE ops.gaps IS 'Ranges of expected sessions that a listing has no bar for, with what they came to.';
COMMENT ON COLUMN ops.gaps."source" IS 'Source name, as in the asset key raw/<name>/...';
COMMENT ON COLUMN ops.gaps."kind" IS 'Kind of data.';
COMMENT ON COLUMN ops.gaps."vendor_symbol" IS 'The symbol as this source writes it; * the whole source.';
COMMENT ON COLUMN ops.gaps."first_session" IS 'First session of the range.';
COMMENT ON COLUMN ops.gaps."last_session" IS 'Last session of the range.';
COMMENT ON COLUMN ops.gaps."sessions" IS 'Expected sessions in it.';
COMMENT ON COLUMN ops.gaps."state" IS 'not_listed, not_yet_published, no_trade, vendor_missing, rejected or unfetched.';
COMMENT ON COLUMN ops.gaps."place" IS 'head, interior, tail, or all: where in the listing''s history.';
COMMENT ON COLUMN ops.gaps."since" IS 'When a range that begins here was first noted (UTC).';
COMMENT ON COLUMN ops.gaps."tries" IS 'Answers that covered it and did not bring it.';
COMMENT ON COLUMN ops.gaps."last_try_at" IS 'End of the latest of them (UTC).';
COMMENT ON COLUMN ops.gaps."next_try_at" IS 'When it is asked for again; NULL: at once or never.';
COMMENT ON COLUMN ops.gaps."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.gaps."run_id" IS 'Dagster run that wrote this version.';
