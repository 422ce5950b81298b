-- What BI reads of funds: what they are and cost, and which hold the same at a higher fee.

CREATE OR REPLACE VIEW marts.fund_facts AS
SELECT f.instrument_id, i.symbol, i.asset_class, coalesce(f.name, i.name) AS name, f.fund_type,
       f.category, f.issuer, f.share_class, f.inception, f.expense_ratio, f.gross_expense_ratio,
       f.aum, f.currency, f.active, f.valid_from, f.valid_to, f.known_at, f.superseded_at,
       f.superseded_at IS NULL AND f.valid_from <= CURRENT_DATE
         AND (f.valid_to IS NULL OR f.valid_to >= CURRENT_DATE) AS is_current,
       f.problem, s.name AS source, f.reference
FROM catalog.fund_facts f
JOIN catalog.instruments i ON i.instrument_id = f.instrument_id
JOIN catalog.sources s ON s.source_id = f.source_id;
COMMENT ON VIEW marts.fund_facts IS
  'What each fund was and cost from day to day; closed funds keep their rows, is_current marks what holds today.';

CREATE OR REPLACE VIEW marts.same_holdings_higher_fee AS
SELECT CASE WHEN a.expense_ratio > b.expense_ratio THEN a.symbol ELSE b.symbol END AS dearer,
       CASE WHEN a.expense_ratio > b.expense_ratio THEN b.symbol ELSE a.symbol END AS cheaper,
       o.overlap, o.common,
       greatest(a.expense_ratio, b.expense_ratio) AS dearer_expense_ratio,
       least(a.expense_ratio, b.expense_ratio) AS cheaper_expense_ratio,
       10000 * (greatest(a.expense_ratio, b.expense_ratio)
         - least(a.expense_ratio, b.expense_ratio)) AS cost_per_10000,
       CASE WHEN a.expense_ratio > b.expense_ratio THEN a.instrument_id ELSE b.instrument_id END
         AS dearer_id,
       CASE WHEN a.expense_ratio > b.expense_ratio THEN b.instrument_id ELSE a.instrument_id END
         AS cheaper_id,
       least(o.as_of, o.other_as_of) AS oldest_report,
       rank() OVER (ORDER BY greatest(a.expense_ratio, b.expense_ratio)
         - least(a.expense_ratio, b.expense_ratio) DESC) AS place
FROM catalog.fund_overlaps o
JOIN marts.fund_facts a ON a.instrument_id = o.instrument_id AND a.is_current
JOIN marts.fund_facts b ON b.instrument_id = o.other_id AND b.is_current
WHERE o.overlap >= 0.8 AND a.expense_ratio <> b.expense_ratio
  AND coalesce(a.active, true) AND coalesce(b.active, true);
COMMENT ON VIEW marts.same_holdings_higher_fee IS
  'Pairs of funds that share at least 80 % of their holdings at different fees, by what the dearer one costs more a year per 10,000.';
