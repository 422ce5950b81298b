-- What TimescaleDB adds where it is installed; without it every table stays a plain one.
-- `fundplatform init` calls ops.use_timescale() each time, so an extension that is installed later
-- is taken into use then. Re-runnable. No other object here depends on the extension.

CREATE OR REPLACE FUNCTION ops.use_timescale() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  wish record;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    -- Without the preload, CREATE EXTENSION would end the connection. The preloaded part has this
    -- setting; shared_preload_libraries itself is for superusers to read.
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
       OR current_setting('timescaledb.disable_load', true) IS NULL THEN
      RETURN 'plain PostgreSQL';
    END IF;
    BEGIN
      CREATE EXTENSION timescaledb;
    EXCEPTION WHEN insufficient_privilege THEN
      RETURN 'plain PostgreSQL';
    END;
  END IF;

  -- 1-year chunks for daily bars (7-day chunks measured 2-5 times slower), shorter for trades.
  FOR wish IN
    SELECT * FROM (VALUES
      ('raw.ohlcv', INTERVAL '365 days', 'source_id, instrument_id'),
      ('raw.trades', INTERVAL '30 days', 'source_id, instrument_id'),
      ('prices.validated', INTERVAL '365 days', 'source_id, instrument_id'),
      ('funds.metrics', INTERVAL '365 days', 'instrument_id')
    ) AS t (name, width, segments)
  LOOP
    IF NOT EXISTS (SELECT FROM timescaledb_information.hypertables AS h
                   WHERE h.hypertable_schema || '.' || h.hypertable_name = wish.name) THEN
      PERFORM create_hypertable(wish.name::regclass, by_range('session', wish.width),
                                create_default_indexes => false, migrate_data => true);
    END IF;
    IF current_setting('timescaledb.license', true) = 'timescale'
       AND wish.name IN ('raw.ohlcv', 'prices.validated')
       AND NOT EXISTS (SELECT FROM timescaledb_information.jobs AS j
                       WHERE j.proc_name IN ('policy_compression', 'policy_columnstore')
                         AND j.hypertable_schema || '.' || j.hypertable_name = wish.name) THEN
      EXECUTE format('ALTER TABLE %s SET (timescaledb.compress, '
                     'timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
                     wish.name, wish.segments, 'session, bar_open_at');
      -- Vendors correct last year's bars; older ones hardly ever.
      PERFORM add_compression_policy(wish.name::regclass, INTERVAL '365 days');
    END IF;
  END LOOP;
  RETURN ops.features();
END
$$;
COMMENT ON FUNCTION ops.use_timescale IS
  'Makes hypertables and, where the licence allows, columnstore policies; returns what is on.';

CREATE OR REPLACE FUNCTION ops.features() RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  version text := (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
  IF version IS NULL THEN
    RETURN 'plain PostgreSQL';
  END IF;
  IF current_setting('timescaledb.license', true) = 'timescale' THEN
    RETURN 'TimescaleDB ' || version || ' (TSL): hypertables, columnstore';
  END IF;
  RETURN 'TimescaleDB ' || version || ' (Apache): hypertables';
END
$$;
COMMENT ON FUNCTION ops.features IS 'Which database this is, and which of its features are used.';
