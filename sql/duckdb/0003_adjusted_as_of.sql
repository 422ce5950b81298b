-- Split adjustment as of the newest price. Re-runnable.
-- A split that is announced, with its ex-date after the newest price, does not lower it yet.
-- Same names, columns and rows as sql/postgres/0005_adjusted_as_of.sql.

CREATE OR REPLACE VIEW catalog.newest_factors AS
WITH newest AS (
  SELECT instrument_id, max(session) AS session
  FROM prices.validated
  WHERE selected AND instrument_id IN (SELECT instrument_id FROM catalog.adjustment_factors)
  GROUP BY instrument_id
)
SELECT n.instrument_id, n.session, f.split_factor
FROM newest AS n
JOIN catalog.adjustment_factors AS f
  ON f.instrument_id = n.instrument_id AND n.session BETWEEN f.from_session AND f.to_session;
COMMENT ON VIEW catalog.newest_factors IS
  'The split factor in force on the session of the newest selected bar, for each instrument that splits; factors divided by it adjust as of that bar.';
COMMENT ON COLUMN catalog.newest_factors.instrument_id IS
  'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.newest_factors.session IS 'Session of its newest selected bar.';
COMMENT ON COLUMN catalog.newest_factors.split_factor IS
  'Of catalog.adjustment_factors on that session; not 1 where a later split is announced.';

CREATE OR REPLACE VIEW marts.adjusted_prices AS
WITH bars AS (
  SELECT v.*,
         CASE WHEN v.adjustment = 'none' THEN coalesce(f.split_factor / coalesce(n.split_factor, 1), 1) ELSE 1
         END AS factor
  FROM prices.validated AS v
  LEFT JOIN catalog.adjustment_factors AS f
    ON f.instrument_id = v.instrument_id AND v.session BETWEEN f.from_session AND f.to_session
  LEFT JOIN catalog.newest_factors AS n ON n.instrument_id = v.instrument_id
  WHERE v.selected
)
SELECT b.instrument_id, i.symbol, i.asset_class, b."interval", b.quote, b.bar_open_at, b.session,
       b.open * factor AS open, b.high * factor AS high, b.low * factor AS low,
       b.close * factor AS close, b.volume / factor AS volume,
       b.close AS close_as_delivered, factor AS split_factor,
       CASE WHEN b.adjustment = 'none' THEN 'split' ELSE b.adjustment END AS basis
FROM bars AS b
JOIN catalog.instruments AS i USING (instrument_id);
COMMENT ON VIEW marts.adjusted_prices IS
  'Selected bars on a split-adjusted basis as of the newest bar, adjusted on read: as-traded price times split factor, volume divided by it. A split that is only announced does not count yet. Bars delivered adjusted stay as they are; basis says which.';
