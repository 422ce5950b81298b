-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0050_gaps > sql/duckdb/0050_gaps.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS ops.gaps (
  "source" VARCHAR NOT NULL,
  "kind" VARCHAR NOT NULL,
  "vendor_symbol" VARCHAR NOT NULL,
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "sessions" BIGINT NOT NULL,
  "state" VARCHAR NOT NULL,
  "place" VARCHAR NOT NULL,
  "since" TIMESTAMP WITH TIME ZONE NOT NULL,
  "tries" BIGINT NOT NULL,
  "last_try_at" TIMESTAMP WITH TIME ZONE,
  "next_try_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
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
