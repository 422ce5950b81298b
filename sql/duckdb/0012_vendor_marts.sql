-- What BI reads of the vendors: every attempt, and the state of each source now.

CREATE OR REPLACE VIEW marts.data_sync AS
SELECT source, kind, first_session, last_session, symbols, status, started_at, finished_at, calls,
       rows_inserted, rows_updated, rows_unchanged, rows_rejected, sessions_absent,
       symbols_skipped, failure, problem
FROM ops.data_sync;
COMMENT ON VIEW marts.data_sync IS
  'One row per attempt to bring data: what was asked, how many requests it took, what was stored, and the kind of failure.';

CREATE OR REPLACE VIEW marts.source_state AS
SELECT source,
       CASE WHEN last_attempt_at < now() - INTERVAL 7 DAY THEN 'INACTIVE' ELSE state END AS state,
       score, requests_today, requests_quota, consecutive_failures, last_attempt_at,
       last_success_at, last_failure, paused_until
FROM ops.source_health;
COMMENT ON VIEW marts.source_state IS
  'State of each source: ACTIVE, RATE_LIMITED, ERROR, or INACTIVE where nothing was asked for a week; score is reliability 0-100.';
