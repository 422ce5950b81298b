-- Weekly and monthly bars adjusted as of the newest price, as marts.adjusted_prices is (0005): the
-- views of 0006 again, each factor divided by the newest one. Re-runnable.

CREATE OR REPLACE VIEW marts.weekly_bars AS
SELECT i.instrument_id, i.symbol, i.asset_class, w.quote, w.week, w.first_session, w.last_session,
       w.sessions, w.open, w.high, w.low, w.close, w.volume, w.close_as_delivered, w.basis
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  WITH delivered AS (
    -- One factor multiplies a week only where all of it is on one basis and no split lies inside.
    SELECT d.*, coalesce(f.split_factor / coalesce(n.split_factor, 1), 1) AS factor,
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
    LEFT JOIN LATERAL (
      SELECT split_factor FROM catalog.newest_factors WHERE instrument_id = i.instrument_id
    ) AS n ON true
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
    SELECT d.*, coalesce(f.split_factor / coalesce(n.split_factor, 1), 1) AS factor,
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
    LEFT JOIN LATERAL (
      SELECT split_factor FROM catalog.newest_factors WHERE instrument_id = i.instrument_id
    ) AS n ON true
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
