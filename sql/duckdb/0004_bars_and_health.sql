-- Weekly and monthly bars, daily VWAP and source health for BI. Re-runnable.
-- Same names, columns and rows as sql/postgres/0006_bars_and_health.sql.

CREATE OR REPLACE VIEW marts.weekly_bars AS
SELECT instrument_id, symbol, asset_class, quote,
       date_trunc('week', session)::DATE AS week,
       min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
       arg_min(open, session) AS open, max(high) AS high, min(low) AS low,
       arg_max(close, session) AS close,
       CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume,
       arg_max(close_as_delivered, session) AS close_as_delivered,
       CASE WHEN min(basis) = max(basis) THEN min(basis) ELSE 'mixed' END AS basis
FROM marts.adjusted_prices
WHERE "interval" = '1d'
GROUP BY ALL;
COMMENT ON VIEW marts.weekly_bars IS
  'Selected daily bars by week (Monday) on a split-adjusted basis, as in adjusted_prices; basis is mixed where its sessions differ. volume is NULL where a session has none; close_as_delivered is the last session''s.';

CREATE OR REPLACE VIEW marts.monthly_bars AS
SELECT instrument_id, symbol, asset_class, quote,
       date_trunc('month', session)::DATE AS month,
       min(session) AS first_session, max(session) AS last_session, count(*) AS sessions,
       arg_min(open, session) AS open, max(high) AS high, min(low) AS low,
       arg_max(close, session) AS close,
       CASE WHEN count(volume) = count(*) THEN sum(volume) END AS volume,
       arg_max(close_as_delivered, session) AS close_as_delivered,
       CASE WHEN min(basis) = max(basis) THEN min(basis) ELSE 'mixed' END AS basis
FROM marts.adjusted_prices
WHERE "interval" = '1d'
GROUP BY ALL;
COMMENT ON VIEW marts.monthly_bars IS
  'Selected daily bars by month (first of the month) on a split-adjusted basis, as in adjusted_prices; basis is mixed where its sessions differ. volume is NULL where a session has none; close_as_delivered is the last session''s.';

CREATE OR REPLACE VIEW marts.daily_vwap AS
WITH turnover AS (
  SELECT source_id, instrument_id, quote, adjustment, "interval" AS origin, session,
         sum(coalesce(vwap, (high + low + close) / 3) * volume) AS turnover, sum(volume) AS volume,
         count(volume) AS observations, count(volume) FILTER (WHERE vwap IS NULL) AS estimated
  FROM prices.validated
  WHERE selected AND "interval" <> '1d'
  GROUP BY ALL
  UNION ALL
  SELECT source_id, instrument_id, quote, 'none', 'trades', session, sum(price * volume),
         sum(volume), count(*), 0
  FROM raw.trades
  GROUP BY ALL
)
SELECT i.instrument_id, i.symbol, i.asset_class, s.name AS source, t.quote, t.session, t.origin,
       t.adjustment, t.turnover / t.volume AS vwap, t.volume, t.observations,
       t.estimated > 0 AS estimated,
       row_number() OVER (
         PARTITION BY t.instrument_id, t.quote, t.session
         ORDER BY CASE t.origin WHEN 'trades' THEN 0 WHEN '1m' THEN 1 WHEN '5m' THEN 5
                    WHEN '15m' THEN 15 WHEN '30m' THEN 30 WHEN '1h' THEN 60 WHEN '4h' THEN 240
                    ELSE 720 END, s.priority, s.name, t.adjustment) = 1 AS selected
FROM turnover AS t
JOIN catalog.instruments AS i USING (instrument_id)
JOIN catalog.sources AS s USING (source_id)
WHERE t.volume > 0;
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
