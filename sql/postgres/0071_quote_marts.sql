-- What BI reads of quotes: the newest one. Re-runnable.

CREATE OR REPLACE VIEW marts.latest_quotes AS
WITH latest AS (
  SELECT source_id, instrument_id, quote, max(quoted_at) AS quoted_at
  FROM raw.quotes
  GROUP BY source_id, instrument_id, quote
)
SELECT q.instrument_id, i.symbol, i.name, i.asset_class, i.market, q.quote, q.price, q.bid, q.ask,
       q.quoted_at, q.fetched_at, s.name AS source
FROM latest
JOIN raw.quotes AS q USING (source_id, instrument_id, quote, quoted_at)
JOIN catalog.instruments AS i USING (instrument_id)
JOIN catalog.sources AS s USING (source_id);
COMMENT ON VIEW marts.latest_quotes IS
  'The latest quote of each instrument, quote currency and source: as of the day, never part of daily history.';
