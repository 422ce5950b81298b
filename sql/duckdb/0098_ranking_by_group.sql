-- The latest ranking of a peer group is of its own newest session, of the last seven days, on which at
-- least half of it is scored: on a holiday of New York, London's funds alone are.
-- Re-runnable. The same in both databases.

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
       coalesce(s.session = newest.session, false) AS is_latest
FROM funds.scores s
JOIN catalog.instruments i ON i.instrument_id = s.instrument_id
LEFT JOIN marts.fund_facts f ON f.instrument_id = s.instrument_id AND f.is_current
LEFT JOIN (
  SELECT peer_group, max(session) AS session FROM (
    SELECT peer_group, session, n, max(n) OVER (PARTITION BY peer_group) AS most FROM (
      SELECT peer_group, session, count(DISTINCT instrument_id) AS n FROM funds.scores
      WHERE session > (SELECT max(session) FROM funds.scores) - 7
      GROUP BY peer_group, session
    ) AS recent
  ) AS counted WHERE 2 * n >= most GROUP BY peer_group
) AS newest ON newest.peer_group = s.peer_group;
COMMENT ON VIEW marts.fund_ranking IS
  'Score and place of each fund in its peer group by session and frame (HEADLINE: the one number), with the percentiles it is made of; is_latest marks the newest session on which at least half of the group is scored.';
