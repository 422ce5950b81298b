-- Last seen is never before first seen: a bar is fetched, then refused.

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
LEFT JOIN raw.ohlcv AS o
  ON o.session = r.session AND o.source_id = r.source_id AND o.instrument_id = r.instrument_id
 AND o."interval" = r."interval" AND o.quote = r.quote AND o.bar_open_at = r.bar_open_at;
COMMENT ON VIEW marts.quarantine IS
  'Every bar that is refused now: its values, the rules with the version of the list, why, when it was refused first, when it was fetched or refused last, and the SHA-256 of the payload.';
