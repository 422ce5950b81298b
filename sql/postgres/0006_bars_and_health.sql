-- Weekly and monthly bars, daily VWAP and source health for BI; what TimescaleDB adds to them.
-- Same names, columns and rows as sql/duckdb/0004_bars_and_health.sql. Re-runnable.
--
-- The views in `prices` and `raw` sum up rows as delivered. Where TimescaleDB's licence allows,
-- ops.use_aggregates() puts a continuous aggregate behind each; the store refreshes them when a run
-- publishes, as the DuckDB copy is made then. Split factors change all history at once, so the marts
-- multiply on reading.

-- One intraday instrument, and one instrument's trades; the PRIMARY KEYs go by session.
CREATE INDEX IF NOT EXISTS validated_intraday
  ON prices.validated (instrument_id, quote, session)
  WHERE selected AND "interval" <> '1d';
CREATE INDEX IF NOT EXISTS trades_instrument ON raw.trades (instrument_id, quote, session);

CREATE OR REPLACE VIEW prices.weekly_bars AS
SELECT instrument_id, quote, adjustment, session - (extract(isodow FROM session)::integer - 1) AS week,
       min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
       (array_agg(open ORDER BY session))[1] AS open, max(high) AS high, min(low) AS low,
       (array_agg(close ORDER BY session DESC))[1] AS close,
       CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume
FROM prices.validated
WHERE selected AND "interval" = '1d'
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW prices.weekly_bars IS
  'Selected daily bars by week, as delivered: not adjusted, one row per adjustment basis.';

CREATE OR REPLACE VIEW prices.monthly_bars AS
SELECT instrument_id, quote, adjustment, session - (extract(day FROM session)::integer - 1) AS month,
       min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
       (array_agg(open ORDER BY session))[1] AS open, max(high) AS high, min(low) AS low,
       (array_agg(close ORDER BY session DESC))[1] AS close,
       CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume
FROM prices.validated
WHERE selected AND "interval" = '1d'
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW prices.monthly_bars IS
  'Selected daily bars by month, as delivered: not adjusted, one row per adjustment basis.';

CREATE OR REPLACE VIEW prices.daily_turnover AS
SELECT source_id, instrument_id, quote, adjustment, "interval" AS origin, session,
       sum(coalesce(vwap, (high + low + close) / 3) * volume) AS turnover, sum(volume) AS volume,
       count(volume) AS observations, count(volume) FILTER (WHERE vwap IS NULL) AS estimated
FROM prices.validated
WHERE selected AND "interval" <> '1d'
GROUP BY 1, 2, 3, 4, 5, 6;
COMMENT ON VIEW prices.daily_turnover IS
  'Price times volume of the selected bars shorter than a day, by session; a bar without the vendor''s VWAP counts at (high + low + close) / 3.';

CREATE OR REPLACE VIEW raw.daily_turnover AS
SELECT source_id, instrument_id, quote, session, sum(price * volume) AS turnover,
       sum(volume) AS volume, count(*) AS observations
FROM raw.trades
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW raw.daily_turnover IS 'Price times volume of single trades, by session.';

CREATE OR REPLACE VIEW marts.weekly_bars AS
SELECT i.instrument_id, i.symbol, i.asset_class, w.quote, w.week, w.first_session, w.last_session,
       w.sessions, w.open, w.high, w.low, w.close, w.volume, w.close_as_delivered, w.basis
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  WITH delivered AS (
    -- One factor multiplies a week only where all of it is on one basis and no split lies inside.
    SELECT d.*, coalesce(f.split_factor, 1) AS factor,
           count(*) OVER (PARTITION BY d.quote, d.week) = 1 AND NOT EXISTS (
             SELECT FROM catalog.adjustment_factors AS g
             WHERE d.adjustment = 'none' AND g.instrument_id = d.instrument_id
               AND (g.from_session > d.first_session AND g.from_session <= d.last_session
                    OR g.to_session >= d.first_session AND g.to_session < d.last_session)
           ) AS simple
    FROM prices.weekly_bars AS d
    LEFT JOIN catalog.adjustment_factors AS f
      ON d.adjustment = 'none' AND f.instrument_id = d.instrument_id
     AND d.first_session BETWEEN f.from_session AND f.to_session
    WHERE d.instrument_id = i.instrument_id
  )
  SELECT quote, week, first_session, last_session, sessions, open * factor AS open,
         high * factor AS high, low * factor AS low, close * factor AS close,
         volume / factor AS volume, close AS close_as_delivered,
         CASE WHEN adjustment = 'none' THEN 'split' ELSE adjustment END AS basis
  FROM delivered WHERE simple
  UNION ALL
  SELECT quote, session - (extract(isodow FROM session)::integer - 1), min(session), max(session), count(*),
         (array_agg(open ORDER BY session))[1], max(high), min(low),
         (array_agg(close ORDER BY session DESC))[1],
         CASE WHEN count(volume) = count(*) THEN sum(volume) END,
         (array_agg(close_as_delivered ORDER BY session DESC))[1],
         CASE WHEN min(basis) = max(basis) THEN min(basis) ELSE 'mixed' END
  FROM marts.adjusted_prices
  WHERE instrument_id = i.instrument_id AND "interval" = '1d'
    AND (quote, session - (extract(isodow FROM session)::integer - 1)) IN (SELECT quote, week FROM delivered WHERE NOT simple)
  GROUP BY 1, 2
) AS w;
COMMENT ON VIEW marts.weekly_bars IS
  'Selected daily bars by week (Monday) on a split-adjusted basis, as in adjusted_prices; basis is mixed where its sessions differ. volume is NULL where a session has none; close_as_delivered is the last session''s.';

CREATE OR REPLACE VIEW marts.monthly_bars AS
SELECT i.instrument_id, i.symbol, i.asset_class, w.quote, w.month, w.first_session, w.last_session,
       w.sessions, w.open, w.high, w.low, w.close, w.volume, w.close_as_delivered, w.basis
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  WITH delivered AS (
    -- One factor multiplies a month only where all of it is on one basis and no split lies inside.
    SELECT d.*, coalesce(f.split_factor, 1) AS factor,
           count(*) OVER (PARTITION BY d.quote, d.month) = 1 AND NOT EXISTS (
             SELECT FROM catalog.adjustment_factors AS g
             WHERE d.adjustment = 'none' AND g.instrument_id = d.instrument_id
               AND (g.from_session > d.first_session AND g.from_session <= d.last_session
                    OR g.to_session >= d.first_session AND g.to_session < d.last_session)
           ) AS simple
    FROM prices.monthly_bars AS d
    LEFT JOIN catalog.adjustment_factors AS f
      ON d.adjustment = 'none' AND f.instrument_id = d.instrument_id
     AND d.first_session BETWEEN f.from_session AND f.to_session
    WHERE d.instrument_id = i.instrument_id
  )
  SELECT quote, month, first_session, last_session, sessions, open * factor AS open,
         high * factor AS high, low * factor AS low, close * factor AS close,
         volume / factor AS volume, close AS close_as_delivered,
         CASE WHEN adjustment = 'none' THEN 'split' ELSE adjustment END AS basis
  FROM delivered WHERE simple
  UNION ALL
  SELECT quote, session - (extract(day FROM session)::integer - 1), min(session), max(session), count(*),
         (array_agg(open ORDER BY session))[1], max(high), min(low),
         (array_agg(close ORDER BY session DESC))[1],
         CASE WHEN count(volume) = count(*) THEN sum(volume) END,
         (array_agg(close_as_delivered ORDER BY session DESC))[1],
         CASE WHEN min(basis) = max(basis) THEN min(basis) ELSE 'mixed' END
  FROM marts.adjusted_prices
  WHERE instrument_id = i.instrument_id AND "interval" = '1d'
    AND (quote, session - (extract(day FROM session)::integer - 1)) IN (SELECT quote, month FROM delivered WHERE NOT simple)
  GROUP BY 1, 2
) AS w;
COMMENT ON VIEW marts.monthly_bars IS
  'Selected daily bars by month (first of the month) on a split-adjusted basis, as in adjusted_prices; basis is mixed where its sessions differ. volume is NULL where a session has none; close_as_delivered is the last session''s.';

CREATE OR REPLACE VIEW marts.daily_vwap AS
SELECT i.instrument_id, i.symbol, i.asset_class, v.source, v.quote, v.session, v.origin,
       v.adjustment, v.vwap, v.volume, v.observations, v.estimated, v.selected
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  SELECT s.name AS source, t.quote, t.session, t.origin, t.adjustment,
         t.turnover / t.volume AS vwap, t.volume, t.observations, t.estimated > 0 AS estimated,
         row_number() OVER (
           PARTITION BY t.quote, t.session
           ORDER BY CASE t.origin WHEN 'trades' THEN 0 WHEN '1m' THEN 1 WHEN '5m' THEN 5
                      WHEN '15m' THEN 15 WHEN '30m' THEN 30 WHEN '1h' THEN 60 WHEN '4h' THEN 240
                      ELSE 720 END, s.priority, s.name, t.adjustment) = 1 AS selected
  FROM (
    SELECT source_id, quote, adjustment, origin, session, turnover, volume, observations, estimated
    FROM prices.daily_turnover WHERE instrument_id = i.instrument_id
    UNION ALL
    SELECT source_id, quote, 'none', 'trades', session, turnover, volume, observations, 0
    FROM raw.daily_turnover WHERE instrument_id = i.instrument_id
  ) AS t
  JOIN catalog.sources AS s USING (source_id)
  WHERE t.volume > 0
) AS v;
COMMENT ON VIEW marts.daily_vwap IS
  'Daily volume-weighted average price as delivered, from trades and from bars shorter than a day; selected marks the finest origin of a day. estimated: some bars had no VWAP of the vendor and count at (high + low + close) / 3. Trades are as the source gave them, not validated.';

CREATE OR REPLACE VIEW marts.source_health AS
WITH gates AS (
  SELECT source_id, min(session) AS first_session, max(session) AS last_session,
         count(*) AS sessions, count(*) FILTER (WHERE held) AS held_sessions,
         sum(rows_raw)::BIGINT AS rows_raw, sum(rows_rejected)::BIGINT AS rows_rejected
  FROM ops.gates GROUP BY source_id
), refused AS (
  SELECT source_id, count(*) AS rows FROM raw.rejected GROUP BY source_id
), read AS (
  SELECT source_id, count(*) AS payloads, max(fetched_at) AS last_fetched_at
  FROM raw.payloads GROUP BY source_id
), loads AS (
  SELECT split_part(asset, '/', 2) AS name, max(recorded_from) AS last_success_at
  FROM ops.loads WHERE asset LIKE 'raw/%' GROUP BY 1
)
SELECT s.name AS source, s.title, s.asset_class, s.calendar, g.first_session, g.last_session,
       coalesce(g.sessions, 0) AS sessions, coalesce(g.held_sessions, 0) AS held_sessions,
       coalesce(g.rows_raw, 0) AS rows_raw, coalesce(g.rows_rejected, 0) AS rows_rejected,
       coalesce(r.rows, 0) AS rows_rejected_at_load, coalesce(p.payloads, 0) AS payloads,
       p.last_fetched_at, l.last_success_at
FROM catalog.sources AS s
LEFT JOIN gates AS g USING (source_id)
LEFT JOIN refused AS r USING (source_id)
LEFT JOIN read AS p USING (source_id)
LEFT JOIN loads AS l ON l.name = s.name;
COMMENT ON VIEW marts.source_health IS
  'One row per source: what it has delivered, what was refused or held, when it was last read and last stored. Sessions and rows are of bars; rows_rejected counts those that validation refused.';

CREATE OR REPLACE FUNCTION ops.use_aggregates() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  wish record;
  made text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
     OR current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale' THEN
    RETURN 'plain views';
  END IF;
  FOR wish IN
    SELECT * FROM (VALUES
      ('prices.weekly_bars', $q$
        SELECT instrument_id, quote, adjustment, time_bucket(INTERVAL '7 days', session) AS week,
               min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
               first(open, session) AS open, max(high) AS high, min(low) AS low,
               last(close, session) AS close,
               CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume
        FROM prices.validated WHERE selected AND "interval" = '1d' GROUP BY 1, 2, 3, 4 $q$),
      ('prices.monthly_bars', $q$
        SELECT instrument_id, quote, adjustment, time_bucket(INTERVAL '1 month', session) AS month,
               min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
               first(open, session) AS open, max(high) AS high, min(low) AS low,
               last(close, session) AS close,
               CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume
        FROM prices.validated WHERE selected AND "interval" = '1d' GROUP BY 1, 2, 3, 4 $q$),
      ('prices.daily_turnover', $q$
        SELECT source_id, instrument_id, quote, adjustment, "interval" AS origin,
               time_bucket(INTERVAL '1 day', session) AS session,
               sum(coalesce(vwap, (high + low + close) / 3) * volume) AS turnover,
               sum(volume) AS volume, count(volume) AS observations,
               count(volume) FILTER (WHERE vwap IS NULL) AS estimated
        FROM prices.validated WHERE selected AND "interval" <> '1d' GROUP BY 1, 2, 3, 4, 5, 6 $q$),
      ('raw.daily_turnover', $q$
        SELECT source_id, instrument_id, quote, time_bucket(INTERVAL '1 day', session) AS session,
               sum(price * volume) AS turnover, sum(volume) AS volume, count(*) AS observations
        FROM raw.trades GROUP BY 1, 2, 3, 4 $q$)
    ) AS t (name, body)
  LOOP
    made := wish.name || '_aggregate';
    IF to_regclass(made) IS NULL THEN
      -- Rows that no refresh has seen yet are summed up on reading.
      EXECUTE format('CREATE MATERIALIZED VIEW %s WITH (timescaledb.continuous, '
                     'timescaledb.materialized_only = false) AS %s WITH NO DATA', made, wish.body);
      BEGIN
        -- Only the owner may refresh, and runs log in as fundplatform_writer.
        EXECUTE format('ALTER MATERIALIZED VIEW %s OWNER TO fundplatform_writer', made);
      EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
        PERFORM add_continuous_aggregate_policy(made::regclass, NULL, NULL, INTERVAL '1 hour');
      END;
    END IF;
    EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT * FROM %s', wish.name, made);
  END LOOP;
  RETURN 'continuous aggregates';
END
$$;
COMMENT ON FUNCTION ops.use_aggregates IS
  'Puts continuous aggregates behind the weekly, monthly and daily sums where the licence allows.';

CREATE OR REPLACE FUNCTION ops.features() RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
  version text := (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');
  kept text;
BEGIN
  IF version IS NULL THEN
    RETURN 'plain PostgreSQL';
  END IF;
  IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale' THEN
    RETURN 'TimescaleDB ' || version || ' (Apache): hypertables';
  END IF;
  SELECT string_agg(hypertable_schema || '.' || hypertable_name || ' '
                    || (config ->> 'drop_after'), ', ' ORDER BY 1)
  INTO kept
  FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention';
  RETURN 'TimescaleDB ' || version || ' (TSL): hypertables, columnstore'
    || CASE WHEN to_regclass('prices.weekly_bars_aggregate') IS NULL THEN ''
            ELSE ', continuous aggregates' END
    || coalesce(', retention (' || kept || ')', ', no retention');
END
$$;
