-- What BI reads of the vendors: every attempt, and the state of each source now; and the schema in
-- which their calls are counted, so that limits hold over all hosts. Re-runnable.

CREATE OR REPLACE VIEW marts.data_sync AS
SELECT source, kind, first_session, last_session, symbols, status, started_at, finished_at, calls,
       rows_inserted, rows_updated, rows_unchanged, rows_rejected, sessions_absent,
       symbols_skipped, failure, problem
FROM ops.data_sync;
COMMENT ON VIEW marts.data_sync IS
  'One row per attempt to bring data: what was asked, how many requests it took, what was stored, and the kind of failure.';

CREATE OR REPLACE VIEW marts.source_state AS
SELECT source,
       CASE WHEN last_attempt_at < now() - INTERVAL '7 days' THEN 'INACTIVE' ELSE state END AS state,
       score, requests_today, requests_quota, consecutive_failures, last_attempt_at,
       last_success_at, last_failure, paused_until
FROM ops.source_health;
COMMENT ON VIEW marts.source_state IS
  'State of each source: ACTIVE, RATE_LIMITED, ERROR, or INACTIVE where nothing was asked for a week; score is reliability 0-100.';

CREATE SCHEMA IF NOT EXISTS limits;
COMMENT ON SCHEMA limits IS 'Calls made to vendors, one table a vendor (pyrate-limiter''s buckets).';

CREATE OR REPLACE FUNCTION ops.grant_limits() RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fundplatform_writer') THEN
    GRANT USAGE, CREATE ON SCHEMA limits TO fundplatform_writer;
  END IF;
  RETURN 'limits';
END
$$;
COMMENT ON FUNCTION ops.grant_limits IS 'Lets the writers count their calls to vendors.';
