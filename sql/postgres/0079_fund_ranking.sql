-- What BI reads of funds: the ranking within each category, and what funds hold in the end.

CREATE OR REPLACE VIEW marts.fund_ranking AS
SELECT s.session, s.return_basis, s.frame, s.peer_group, s.peer_count,
       CASE WHEN s.score IS NOT NULL THEN rank() OVER (
         PARTITION BY s.session, s.return_basis, s.frame, s.peer_group
         ORDER BY s.score DESC NULLS LAST) END AS place,
       s.score, s.instrument_id, i.symbol, coalesce(f.name, i.name) AS name,
       s.total_return_percentile, s.annualized_return_percentile, s.sharpe_percentile,
       s.sortino_percentile, s.calmar_percentile, s.max_drawdown_percentile,
       s.volatility_percentile, s.tracking_error_percentile, s.expense_ratio_percentile,
       s.weights_version, s.reason,
       s.session = (SELECT max(session) FROM funds.scores) AS is_latest
FROM funds.scores s
JOIN catalog.instruments i ON i.instrument_id = s.instrument_id
LEFT JOIN marts.fund_facts f ON f.instrument_id = s.instrument_id AND f.is_current;
COMMENT ON VIEW marts.fund_ranking IS
  'Score and place of each fund in its peer group by session and frame (HEADLINE: the one number), with the percentiles it is made of.';

CREATE OR REPLACE VIEW marts.fund_exposures AS
SELECT e.instrument_id, i.symbol, e.as_of, e.kind, e.name, e.weight, e.through, e.known_at,
       e.as_of = max(e.as_of) OVER (PARTITION BY e.instrument_id) AS is_latest
FROM catalog.fund_exposures e
JOIN catalog.instruments i ON i.instrument_id = e.instrument_id;
COMMENT ON VIEW marts.fund_exposures IS
  'Sectors and countries of what each fund holds by the day of its report, funds it holds opened; is_latest marks the newest report.';
