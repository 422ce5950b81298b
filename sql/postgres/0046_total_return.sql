-- Total-return series for BI, adjusted on read; and what this platform holds true of the actions.
-- Re-runnable. Same names, columns and rows as sql/duckdb/0046_total_return.sql.

CREATE OR REPLACE VIEW marts.total_return AS
SELECT p.instrument_id, p.symbol, p.asset_class, p.quote, p.session, p.close_as_delivered, p.close,
       p.close * coalesce(t.total_factor, 1) AS total_return_close,
       p.close * coalesce(t.vendor_factor, 1) AS vendor_style_close,
       coalesce(t.total_factor, 1) AS total_factor, p.basis
FROM marts.adjusted_prices AS p
LEFT JOIN catalog.total_return_factors AS t
  ON t.instrument_id = p.instrument_id AND p.session BETWEEN t.from_session AND t.to_session
     AND p.basis = 'split'
WHERE p."interval" = '1d';
COMMENT ON VIEW marts.total_return IS
  'Selected daily closes, split-adjusted, and with payments reinvested at the ex-date''s close (total_return_close: its ratios are total returns), adjusted on read as of the newest bar. vendor_style_close uses 1 - D / P_prev as vendors do, for comparison. basis split_div: delivered with dividends, taken as it is.';

CREATE OR REPLACE VIEW marts.corporate_actions AS
SELECT a.instrument_id, i.symbol, i.name, i.asset_class, i.quote, a.action, a.ex_date, a.ratio,
       a.amount, coalesce(a.currency, i.quote) AS currency, a.other_symbol, a.known_at,
       s.name AS source, a.reference
FROM catalog.corporate_actions AS a
JOIN catalog.instruments AS i USING (instrument_id)
JOIN catalog.sources AS s USING (source_id);
COMMENT ON VIEW marts.corporate_actions IS
  'The corporate actions that count, one row per event: ratio is new shares per old share, amount is per old share; known_at is when the public knew.';
