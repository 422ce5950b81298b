-- What BI reads of caps, securities, an index's divisor, and how much of an index is covered.

CREATE OR REPLACE VIEW marts.market_caps AS
SELECT c.instrument_id, i.symbol, i.name, s.name AS source, c.origin, c.session AS measured_on,
       c.known_at, c.market_cap, c.currency, c.scope, c.trusted, c.problem
FROM catalog.market_caps c
JOIN catalog.instruments i ON i.instrument_id = c.instrument_id
JOIN catalog.sources s ON s.source_id = c.source_id;
COMMENT ON VIEW marts.market_caps IS
  'Every market cap that was known, of share counts and of snapshots, and whether it may be used.';

CREATE OR REPLACE VIEW marts.securities AS
SELECT x.instrument_id, i.symbol, i.name, i.asset_class, i.market, x.security_type, x.domestic,
       x.security_type = 'common' AND coalesce(x.domestic, true) AS us_common, x.issuer,
       x.share_class, x.reason
FROM catalog.securities x
JOIN catalog.instruments i ON i.instrument_id = x.instrument_id;
COMMENT ON VIEW marts.securities IS
  'What each listing is by rule: common stock or not, domestic or not (NULL: not known), whose line.';

CREATE OR REPLACE VIEW marts.index_divisor AS
SELECT b.index_name, b.session, b.reviewed, b.basket_value, l.level,
       b.basket_value / l.level AS divisor
FROM indices.baskets b
JOIN indices.levels l ON l.index_name = b.index_name AND l.session = b.session
  AND l.return_basis = 'price'
WHERE b.basket_value IS NOT NULL;
COMMENT ON VIEW marts.index_divisor IS
  'Of indices weighted by cap or price: worth of the basket after the close''s changes / price level.';

CREATE OR REPLACE VIEW marts.index_coverage AS
SELECT p.index_name, p.session, p.n_target, p.n_constituents,
       coalesce(u.names, 0) AS no_price, coalesce(e.no_cap, 0) AS no_cap,
       coalesce(e.by_rule, 0) AS by_rule,
       1.0 - CAST(coalesce(u.names, 0) + coalesce(e.no_cap, 0) AS DOUBLE PRECISION) / p.n_target
         AS coverage
FROM indices.performance p
LEFT JOIN (SELECT index_name, session, count(*) AS names FROM indices.unpriced
           GROUP BY index_name, session) u
  ON u.index_name = p.index_name AND u.session = p.session
LEFT JOIN (SELECT index_name, session,
                  count(CASE WHEN excluded_by = 'cap' THEN 1 END) AS no_cap,
                  count(CASE WHEN excluded_by = 'rule' THEN 1 END) AS by_rule
           FROM indices.exclusions GROUP BY index_name, session) e
  ON e.index_name = p.index_name AND e.session = p.session
WHERE p.return_basis = 'price' AND p.n_constituents > 0;
COMMENT ON VIEW marts.index_coverage IS
  'Of the first n names by stated cap: how many lack a price, a trusted cap, or are kept out by the rule.';
