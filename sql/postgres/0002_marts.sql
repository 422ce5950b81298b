-- Views for BI and reports: schema marts. Documented, stable, contract-tested.
-- They join names and pick the latest rows; nothing is computed here that finance/ computes.
-- Same names, columns and rows as sql/duckdb/0002_marts.sql. Re-runnable. Text in view comments is what a reader sees in a BI tool.

CREATE OR REPLACE VIEW marts.sources AS
SELECT source_id, name, title, asset_class, calendar, coverage_start, coverage_end, priority,
       recorded_from AS registered_at
FROM catalog.sources
ORDER BY priority, name;
COMMENT ON VIEW marts.sources IS 'One row per source ever loaded; lower priority wins.';

CREATE OR REPLACE VIEW marts.latest_prices AS
SELECT i.instrument_id, i.symbol, i.name, i.asset_class, i.market, v.quote, v.session,
       v.open, v.high, v.low, v.close, v.volume, v.adjustment, s.name AS source, v.known_at
FROM catalog.instruments AS i
-- The instrument's quote currencies, one index step each: a GROUP BY would read all its bars.
CROSS JOIN LATERAL (
  WITH RECURSIVE quotes AS (
    SELECT (SELECT min(p.quote) FROM prices.validated AS p
            WHERE p.selected AND p."interval" = '1d' AND p.instrument_id = i.instrument_id) AS quote
    UNION ALL
    SELECT (SELECT min(p.quote) FROM prices.validated AS p
            WHERE p.selected AND p."interval" = '1d' AND p.instrument_id = i.instrument_id
              AND p.quote > q.quote)
    FROM quotes AS q WHERE q.quote IS NOT NULL
  )
  SELECT quote FROM quotes WHERE quote IS NOT NULL
) AS q
CROSS JOIN LATERAL (
  SELECT max(p.session) AS session FROM prices.validated AS p
  WHERE p.selected AND p."interval" = '1d' AND p.instrument_id = i.instrument_id
    AND p.quote = q.quote
) AS latest
JOIN prices.validated AS v
  ON v.instrument_id = i.instrument_id AND v.quote = q.quote AND v.session = latest.session
 AND v.selected AND v."interval" = '1d'
JOIN catalog.sources AS s ON s.source_id = v.source_id;
COMMENT ON VIEW marts.latest_prices IS
  'The latest selected daily bar of each instrument and quote currency, as delivered.';

CREATE OR REPLACE VIEW marts.adjusted_prices AS
WITH bars AS (
  SELECT v.*,
         CASE WHEN v.adjustment = 'none' THEN coalesce(f.split_factor, 1) ELSE 1 END AS factor
  FROM prices.validated AS v
  LEFT JOIN catalog.adjustment_factors AS f
    ON f.instrument_id = v.instrument_id AND v.session BETWEEN f.from_session AND f.to_session
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
  'Selected bars on a split-adjusted basis, adjusted on read: as-traded price times split factor, volume divided by it. Bars delivered adjusted stay as they are; basis says which.';

CREATE OR REPLACE VIEW marts.index_levels AS
SELECT index_name, session, return_basis, l.level, l.drawdown, p.session_return, p.state,
       p.n_constituents, p.n_target, p.turnover, p.provisional, p.note
FROM indices.performance AS p
FULL JOIN indices.levels AS l USING (index_name, session, return_basis);
COMMENT ON VIEW marts.index_levels IS
  'Level, drawdown (decimal, <= 0), session return and state of every index session; the level is NULL where the state has none.';

CREATE OR REPLACE VIEW marts.index_composition AS
WITH latest AS (
  SELECT index_name, max(session) AS last_session FROM indices.compositions GROUP BY index_name
)
SELECT c.index_name, c.session, c.instrument_id, i.symbol, i.name, i.asset_class,
       c."rank", c.measure, c.target_weight, c.session = latest.last_session AS is_current
FROM indices.compositions AS c
JOIN latest USING (index_name)
JOIN catalog.instruments AS i USING (instrument_id);
COMMENT ON VIEW marts.index_composition IS
  'Constituents chosen at the close of each session, with target weights (decimal); is_current marks the latest session of the index.';

CREATE OR REPLACE VIEW marts.index_changes AS
SELECT c.index_name, c.session, c.instrument_id, i.symbol, i.name, c.change,
       c.rank_before, c.rank_after, c.weight_before, c.weight_after, c.reason
FROM indices.composition_changes AS c
JOIN catalog.instruments AS i USING (instrument_id);
COMMENT ON VIEW marts.index_changes IS
  'Names that entered or left an index at the close of the session, with the reason.';

CREATE OR REPLACE VIEW marts.fund_comparison AS
SELECT m.instrument_id, i.symbol, i.name, i.asset_class, i.market, i.quote, m.session, m.frame,
       m.return_basis, m.base_session, m.n_returns, m.total_return, m.annualized_return,
       m.volatility, m.sharpe, m.sortino, m.max_drawdown, m.risk_free_rate, m.reason
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  SELECT DISTINCT ON (f.frame, f.return_basis) f.*
  FROM funds.metrics AS f
  WHERE f.instrument_id = i.instrument_id
  ORDER BY f.frame, f.return_basis, f.session DESC
) AS m;
COMMENT ON VIEW marts.fund_comparison IS
  'The latest metrics of each instrument, frame and return basis. Decimals (0.01 = 1 %); reason says why a value is NULL.';

CREATE OR REPLACE VIEW marts.tiers AS
WITH marked AS (
  SELECT *, lag(tier) OVER (PARTITION BY instrument_id ORDER BY session) AS tier_before
  FROM catalog.tiers
), changes AS (
  SELECT *, lead(session) OVER (PARTITION BY instrument_id ORDER BY session) AS next_change
  FROM marked
  WHERE tier IS DISTINCT FROM tier_before
)
SELECT c.instrument_id, i.symbol, i.name, i.asset_class, c.tier, c.origin, c.reason,
       c.session AS decided_on, c.session + 1 AS valid_from, c.next_change AS valid_to,
       c.next_change IS NULL AS is_current
FROM changes AS c
JOIN catalog.instruments AS i USING (instrument_id);
COMMENT ON VIEW marts.tiers IS
  'Effective-dated tiers: in force from the day after the decision (valid_from) through valid_to, NULL while current. One row per change.';

CREATE OR REPLACE VIEW marts.coverage AS
WITH counts AS (
  SELECT source_id, 'ohlcv' AS kind, session, count(*) AS rows_raw,
         count(DISTINCT instrument_id) AS instruments
  FROM raw.ohlcv GROUP BY source_id, session
  UNION ALL
  SELECT source_id, 'trades', session, count(*), count(DISTINCT instrument_id)
  FROM raw.trades GROUP BY source_id, session
  UNION ALL
  SELECT source_id, 'observations', session, count(*), count(DISTINCT instrument_id)
  FROM raw.observations GROUP BY source_id, session
  UNION ALL
  SELECT source_id, 'market_caps', session, count(*), count(DISTINCT instrument_id)
  FROM raw.market_caps GROUP BY source_id, session
)
SELECT s.name AS source, c.kind, c.session, c.rows_raw, c.instruments,
       g.rows_rejected, g.rows_validated, g.held, g.reason
FROM counts AS c
JOIN catalog.sources AS s USING (source_id)
LEFT JOIN ops.gates AS g
  ON c.kind = 'ohlcv' AND g.source_id = c.source_id AND g.session = c.session;
COMMENT ON VIEW marts.coverage IS
  'Raw rows and instruments of each source, kind and session; for bars also what the gate counted (NULL where validation has not run).';

CREATE OR REPLACE VIEW marts.data_quality AS
WITH refused AS (
  SELECT source_id, 'load' AS stage, kind, session, rule, reason FROM raw.rejected
  UNION ALL
  SELECT source_id, 'validation', 'ohlcv', session,
         trim(unnest(string_to_array(rules, ','))), reason
  FROM prices.rejected
)
SELECT s.name AS source, r.stage, r.kind, r.session, r.rule, count(*) AS rows_rejected,
       min(r.reason) AS example
FROM refused AS r
JOIN catalog.sources AS s USING (source_id)
GROUP BY s.name, r.stage, r.kind, r.session, r.rule;
COMMENT ON VIEW marts.data_quality IS
  'Refused rows by source, stage (load or validation), session and rule. A row that breaks two rules counts under both; session is NULL where it could not be read.';

-- The history of one instrument and its latest bar; the PRIMARY KEYs go by session.
CREATE INDEX IF NOT EXISTS validated_instrument
  ON prices.validated (instrument_id, quote, session)
  WHERE selected AND "interval" = '1d';
CREATE INDEX IF NOT EXISTS metrics_instrument
  ON funds.metrics (instrument_id, frame, return_basis, session DESC);
