-- The newest bar of each instrument in a few index steps, in chunks and columnstore too. Re-runnable.
-- The rows are those of before, as in sql/duckdb.
--
-- Bars go by (instrument, quote, session): the newest one is a single step once the quote is known.
-- Which quotes an instrument has was two more steps in every chunk; ops.quoted says it. It may say too
-- much (a row stays when the bars go), never too little: the writer adds to it in the transaction that
-- writes the bars, and an instrument's own quote needs no row.

CREATE TABLE IF NOT EXISTS ops.quoted (
  "instrument_id" INTEGER NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "quote")
);
COMMENT ON TABLE ops.quoted IS
  'The store''s own, like ops.migrations: in which quote currencies an instrument ever had validated bars.';
INSERT INTO ops.quoted
SELECT DISTINCT instrument_id, quote FROM prices.validated ON CONFLICT DO NOTHING;

CREATE OR REPLACE VIEW marts.latest_prices AS
SELECT i.instrument_id, i.symbol, i.name, i.asset_class, i.market, v.quote, v.session,
       v.open, v.high, v.low, v.close, v.volume, v.adjustment, s.name AS source, v.known_at
FROM (
  SELECT own.*, own.quote AS quoted FROM catalog.instruments AS own
  UNION ALL
  SELECT own.*, o.quote FROM catalog.instruments AS own
  JOIN ops.quoted AS o ON o.instrument_id = own.instrument_id AND o.quote <> own.quote
) AS i
CROSS JOIN LATERAL (
  SELECT p.* FROM prices.validated AS p
  WHERE p.selected AND p."interval" = '1d' AND p.instrument_id = i.instrument_id
    AND p.quote = i.quoted
  ORDER BY p.session DESC
  FETCH FIRST 1 ROW WITH TIES
) AS v
JOIN catalog.sources AS s ON s.source_id = v.source_id;

CREATE OR REPLACE VIEW catalog.newest_factors AS
WITH newest AS (
  SELECT i.instrument_id, max(coalesce(intraday.session, daily.session)) AS session
  FROM (SELECT DISTINCT instrument_id FROM catalog.adjustment_factors) AS i
  CROSS JOIN LATERAL (
    SELECT own.quote FROM catalog.instruments AS own WHERE own.instrument_id = i.instrument_id
    UNION
    SELECT o.quote FROM ops.quoted AS o WHERE o.instrument_id = i.instrument_id
  ) AS q
  CROSS JOIN LATERAL (
    SELECT max(v.session) AS session FROM prices.validated AS v
    WHERE v.selected AND v."interval" = '1d' AND v.instrument_id = i.instrument_id
      AND v.quote = q.quote
  ) AS daily
  -- Only one after the newest daily bar matters, which spares the chunks before it.
  CROSS JOIN LATERAL (
    SELECT max(v.session) AS session FROM prices.validated AS v
    WHERE v.selected AND v."interval" <> '1d' AND v.instrument_id = i.instrument_id
      AND v.quote = q.quote AND v.session > coalesce(daily.session, '-infinity')
  ) AS intraday
  GROUP BY i.instrument_id
)
SELECT n.instrument_id, n.session, f.split_factor
FROM newest AS n
JOIN catalog.adjustment_factors AS f
  ON f.instrument_id = n.instrument_id AND n.session BETWEEN f.from_session AND f.to_session;

-- OFFSET 0: one look-up by key for each refused bar. As a join the planner read all of raw.ohlcv,
-- again and again where its older chunks are in the columnstore.
CREATE OR REPLACE VIEW marts.quarantine AS
WITH seen AS (
  SELECT source_id, instrument_id, "interval", quote, bar_open_at, min(recorded_from) AS first_seen
  FROM (
    SELECT source_id, instrument_id, "interval", quote, bar_open_at, recorded_from
    FROM prices.rejected
    UNION ALL
    SELECT source_id, instrument_id, "interval", quote, bar_open_at, recorded_from
    FROM prices.rejected_revisions
  ) AS every
  GROUP BY source_id, instrument_id, "interval", quote, bar_open_at
)
SELECT s.name AS source, i.asset_class, i.symbol, r."interval", r.quote, r.bar_open_at, r.session,
       r.open, r.high, r.low, r.close, r.volume, r.adjustment, r.rules, r.rules_version, r.reason,
       f.first_seen,
       greatest(coalesce(o.fetched_at, r.recorded_from), r.recorded_from) AS last_seen,
       o.payload_hash, r.source_id, r.instrument_id
FROM prices.rejected AS r
JOIN seen AS f USING (source_id, instrument_id, "interval", quote, bar_open_at)
JOIN catalog.sources AS s ON s.source_id = r.source_id
JOIN catalog.instruments AS i ON i.instrument_id = r.instrument_id
LEFT JOIN LATERAL (
  SELECT o.fetched_at, o.payload_hash FROM raw.ohlcv AS o
  WHERE o.session = r.session AND o.source_id = r.source_id AND o.instrument_id = r.instrument_id
    AND o."interval" = r."interval" AND o.quote = r.quote AND o.bar_open_at = r.bar_open_at
  OFFSET 0
) AS o ON true;
