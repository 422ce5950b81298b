-- Each write asks its ledger for rows taken out after the write's own instant; there are hardly ever
-- any, and without an index the whole ledger is read to see it. Re-runnable.

DO $$
DECLARE
  ledger record;
BEGIN
  FOR ledger IN
    SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relname LIKE '%\_revisions'
      AND n.nspname IN ('raw', 'catalog', 'prices', 'indices', 'funds', 'ops')
  LOOP
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I.%I (recorded_to)',
                   ledger.relname || '_recorded', ledger.nspname, ledger.relname);
  END LOOP;
END
$$;
