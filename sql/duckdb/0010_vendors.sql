-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0010_vendors > sql/duckdb/0010_vendors.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS ops.data_sync (
  "attempt_id" VARCHAR NOT NULL,
  "source" VARCHAR NOT NULL,
  "kind" VARCHAR NOT NULL,
  "first_session" DATE,
  "last_session" DATE,
  "symbols" VARCHAR,
  "status" VARCHAR NOT NULL,
  "started_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "finished_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "calls" BIGINT NOT NULL,
  "rows_inserted" BIGINT NOT NULL,
  "rows_updated" BIGINT NOT NULL,
  "rows_unchanged" BIGINT NOT NULL,
  "rows_rejected" BIGINT NOT NULL,
  "sessions_absent" BIGINT NOT NULL,
  "symbols_skipped" BIGINT NOT NULL,
  "failure" VARCHAR,
  "problem" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
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
  "source" VARCHAR NOT NULL,
  "state" VARCHAR NOT NULL,
  "score" DOUBLE,
  "requests_today" BIGINT NOT NULL,
  "requests_quota" BIGINT,
  "consecutive_failures" BIGINT NOT NULL,
  "last_attempt_at" TIMESTAMP WITH TIME ZONE,
  "last_success_at" TIMESTAMP WITH TIME ZONE,
  "last_failure" VARCHAR,
  "paused_until" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
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
