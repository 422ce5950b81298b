-- Today's tiers and the latest metrics without reading their history. Re-runnable.
-- The rows are those of before, as in sql/duckdb.

CREATE INDEX IF NOT EXISTS tiers_instrument ON catalog.tiers (instrument_id, session) INCLUDE (tier);

-- In two halves, so that a condition on is_current leaves one of them out.
CREATE OR REPLACE VIEW marts.tiers AS
SELECT i.instrument_id, i.symbol, i.name, i.asset_class, c.tier, c.origin, c.reason,
       c.session AS decided_on, c.session + 1 AS valid_from, NULL::date AS valid_to,
       true AS is_current
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  SELECT t.tier FROM catalog.tiers AS t
  WHERE t.instrument_id = i.instrument_id ORDER BY t.session DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
  SELECT max(t.session) AS session FROM catalog.tiers AS t
  WHERE t.instrument_id = i.instrument_id AND t.tier <> newest.tier
) AS another
CROSS JOIN LATERAL (
  SELECT t.* FROM catalog.tiers AS t
  WHERE t.instrument_id = i.instrument_id AND t.session > coalesce(another.session, '-infinity')
  ORDER BY t.session LIMIT 1
) AS c
UNION ALL
SELECT i.instrument_id, i.symbol, i.name, i.asset_class, c.tier, c.origin, c.reason,
       c.session, c.session + 1, c.next_change, false
FROM catalog.instruments AS i
CROSS JOIN LATERAL (
  SELECT m.*, lead(m.session) OVER (ORDER BY m.session) AS next_change
  FROM (
    SELECT t.*, lag(t.tier) OVER (ORDER BY t.session) AS tier_before
    FROM catalog.tiers AS t WHERE t.instrument_id = i.instrument_id
  ) AS m
  WHERE m.tier IS DISTINCT FROM m.tier_before
) AS c
WHERE c.next_change IS NOT NULL;

-- One index step for each of the frames and bases of the contract (a test holds the lists equal); the
-- latest of all was found by reading every session. Any other there may be is read beside them, by an
-- index that is empty otherwise.
CREATE INDEX IF NOT EXISTS metrics_unlisted
  ON funds.metrics (instrument_id, frame, return_basis, session DESC)
  WHERE frame NOT IN ('1M', '3M', '6M', 'YTD', '1Y', '3Y', '5Y', '10Y', 'ALL')
     OR return_basis NOT IN ('price', 'gross_total', 'net_total');

CREATE OR REPLACE VIEW marts.fund_comparison AS
SELECT m.instrument_id, i.symbol, i.name, i.asset_class, i.market, i.quote, m.session, f.frame,
       b.return_basis, m.base_session, m.n_returns, m.total_return, m.annualized_return,
       m.volatility, m.sharpe, m.sortino, m.max_drawdown, m.risk_free_rate, m.reason
FROM catalog.instruments AS i
CROSS JOIN (
  VALUES ('1M' COLLATE "C"), ('3M'), ('6M'), ('YTD'), ('1Y'), ('3Y'), ('5Y'), ('10Y'), ('ALL')
) AS f (frame)
CROSS JOIN (VALUES ('price' COLLATE "C"), ('gross_total'), ('net_total')) AS b (return_basis)
CROSS JOIN LATERAL (
  SELECT n.* FROM funds.metrics AS n
  WHERE n.instrument_id = i.instrument_id AND n.frame = f.frame AND n.return_basis = b.return_basis
  ORDER BY n.session DESC LIMIT 1
) AS m
UNION ALL
SELECT m.instrument_id, i.symbol, i.name, i.asset_class, i.market, i.quote, m.session, m.frame,
       m.return_basis, m.base_session, m.n_returns, m.total_return, m.annualized_return,
       m.volatility, m.sharpe, m.sortino, m.max_drawdown, m.risk_free_rate, m.reason
FROM catalog.instruments AS i
JOIN (
  SELECT DISTINCT ON (n.instrument_id, n.frame, n.return_basis) n.*
  FROM funds.metrics AS n
  WHERE n.frame NOT IN ('1M', '3M', '6M', 'YTD', '1Y', '3Y', '5Y', '10Y', 'ALL')
     OR n.return_basis NOT IN ('price', 'gross_total', 'net_total')
  ORDER BY n.instrument_id, n.frame, n.return_basis, n.session DESC
) AS m USING (instrument_id);
