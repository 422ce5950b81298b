-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0010_vendors > sql/postgres/0010_vendors.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS ops.data_sync (
  "attempt_id" TEXT COLLATE "C" NOT NULL,
  "source" TEXT COLLATE "C" NOT NULL,
  "kind" TEXT COLLATE "C" NOT NULL,
  "first_session" DATE,
  "last_session" DATE,
  "symbols" TEXT COLLATE "C",
  "status" TEXT COLLATE "C" NOT NULL,
  "started_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "finished_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "calls" BIGINT NOT NULL,
  "rows_inserted" BIGINT NOT NULL,
  "rows_updated" BIGINT NOT NULL,
  "rows_unchanged" BIGINT NOT NULL,
  "rows_rejected" BIGINT NOT NULL,
  "sessions_absent" BIGINT NOT NULL,
  "symbols_skipped" BIGINT NOT NULL,
  "failure" TEXT COLLATE "C",
  "problem" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("attempt_id")
);
COMMENT ON TABLE ops.data_sync IS 'One row per attempt to bring data: source, kind, sessions, what it cost and how it came out.';
COMMENT ON COLUMN ops.data_sync."attempt_id" IS 'Run id and asset; for a check its own.';
COMMENT ON COLUMN ops.data_sync."source" IS 'Source name, as in the asset key raw/<name>/...';
COMMENT ON COLUMN ops.data_sync."kind" IS 'Kind of data; `check` for `fundplatform sources check`.';
COMMENT ON COLUMN ops.data_sync."first_session" IS 'First session asked for.';
COMMENT ON COLUMN ops.data_sync."last_session" IS 'Last session asked for.';
COMMENT ON COLUMN ops.data_sync."symbols" IS 'Symbols, where only some were asked for.';
COMMENT ON COLUMN ops.data_sync."status" IS 'ok, failed, or paused (nothing was asked: see source_health).';
COMMENT ON COLUMN ops.data_sync."started_at" IS 'When it began (UTC).';
COMMENT ON COLUMN ops.data_sync."finished_at" IS 'When it ended (UTC).';
COMMENT ON COLUMN ops.data_sync."calls" IS 'Requests sent, retries included.';
COMMENT ON COLUMN ops.data_sync."rows_inserted" IS 'New rows.';
COMMENT ON COLUMN ops.data_sync."rows_updated" IS 'Rows whose values changed.';
COMMENT ON COLUMN ops.data_sync."rows_unchanged" IS 'Rows equal to what was stored.';
COMMENT ON COLUMN ops.data_sync."rows_rejected" IS 'Rows refused at load.';
COMMENT ON COLUMN ops.data_sync."sessions_absent" IS 'Sessions not yet published: asked for again.';
COMMENT ON COLUMN ops.data_sync."symbols_skipped" IS 'Symbols unknown to the vendor, or without data.';
COMMENT ON COLUMN ops.data_sync."failure" IS 'Kind of failure, see docs/vendors.md.';
COMMENT ON COLUMN ops.data_sync."problem" IS 'What went wrong, in words; never with a key.';
COMMENT ON COLUMN ops.data_sync."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.data_sync."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.source_health (
  "source" TEXT COLLATE "C" NOT NULL,
  "state" TEXT COLLATE "C" NOT NULL,
  "score" DOUBLE PRECISION,
  "requests_today" BIGINT NOT NULL,
  "requests_quota" BIGINT,
  "consecutive_failures" BIGINT NOT NULL,
  "last_attempt_at" TIMESTAMP WITH TIME ZONE,
  "last_success_at" TIMESTAMP WITH TIME ZONE,
  "last_failure" TEXT COLLATE "C",
  "paused_until" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("source")
);
COMMENT ON TABLE ops.source_health IS 'State of each source after its latest attempt.';
COMMENT ON COLUMN ops.source_health."source" IS 'Source name.';
COMMENT ON COLUMN ops.source_health."state" IS 'ACTIVE, RATE_LIMITED, ERROR or INACTIVE (see docs/vendors.md).';
COMMENT ON COLUMN ops.source_health."score" IS 'Reliability 0-100 over the latest 20 attempts.';
COMMENT ON COLUMN ops.source_health."requests_today" IS 'Requests sent on the vendor''s day.';
COMMENT ON COLUMN ops.source_health."requests_quota" IS 'Requests that the vendor allows a day.';
COMMENT ON COLUMN ops.source_health."consecutive_failures" IS 'Failed attempts since the latest success.';
COMMENT ON COLUMN ops.source_health."last_attempt_at" IS 'End of the latest attempt (UTC).';
COMMENT ON COLUMN ops.source_health."last_success_at" IS 'End of the latest success (UTC).';
COMMENT ON COLUMN ops.source_health."last_failure" IS 'Kind of the latest failure.';
COMMENT ON COLUMN ops.source_health."paused_until" IS 'Nothing is asked before (UTC).';
COMMENT ON COLUMN ops.source_health."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.source_health."run_id" IS 'Dagster run that wrote this version.';
