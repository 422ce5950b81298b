-- Sources of statements only: what they name moves to catalog.statements. Texts that changed since.

INSERT INTO catalog.statements
  (source_id, vendor_symbol, valid_from, valid_to, instrument_id, recorded_from, run_id)
SELECT l.source_id, l.vendor_symbol, l.valid_from, l.valid_to, l.instrument_id, l.recorded_from,
       l.run_id
FROM catalog.listings AS l JOIN catalog.sources AS s USING (source_id)
WHERE EXISTS (
  SELECT 1 FROM ops.loads AS o WHERE left(o.asset, length(s.name) + 5) = 'raw/' || s.name || '/'
) AND NOT EXISTS (
  SELECT 1 FROM ops.loads AS o
  WHERE left(o.asset, length(s.name) + 5) = 'raw/' || s.name || '/'
    AND o.table_name NOT IN ('raw.fund_facts', 'raw.holdings', 'raw.profiles')
) AND NOT EXISTS (
  SELECT 1 FROM catalog.statements AS t
  WHERE t.source_id = l.source_id AND t.vendor_symbol = l.vendor_symbol
    AND t.valid_from = l.valid_from
);
DELETE FROM catalog.listings AS l WHERE EXISTS (
  SELECT 1 FROM catalog.statements AS t
  WHERE t.source_id = l.source_id AND t.vendor_symbol = l.vendor_symbol
    AND t.valid_from = l.valid_from AND t.instrument_id = l.instrument_id AND t.run_id = l.run_id
);

COMMENT ON COLUMN indices.exclusions."rank" IS
  'Rank it would have: by its cap as stated; of a cap in another unit, by what is traded of it.';
COMMENT ON COLUMN catalog.identity_decisions."problem" IS 'rename, reuse, gap or statement.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."problem" IS
  'rename, reuse, gap or statement.';
