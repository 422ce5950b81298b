-- Shorter chunks once intraday bars come into a table of bars. Re-runnable.
-- The writer calls ops.narrow_chunks before it writes such bars; where the table is not a hypertable,
-- or narrow already, nothing happens. Chunks that exist keep their width.

CREATE OR REPLACE FUNCTION ops.narrow_chunks(bars regclass) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  narrow CONSTANT interval := INTERVAL '30 days';
  schema_name name;
  table_name name;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    RETURN false;
  END IF;
  SELECT n.nspname, c.relname INTO schema_name, table_name
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = bars;
  IF NOT EXISTS (SELECT FROM timescaledb_information.dimensions AS d
                 WHERE d.hypertable_schema = schema_name AND d.hypertable_name = table_name
                   AND d.time_interval > narrow) THEN
    RETURN false;
  END IF;
  PERFORM set_chunk_time_interval(bars, narrow);
  RETURN true;
END
$$;
COMMENT ON FUNCTION ops.narrow_chunks IS
  'Makes new chunks of a table of bars 30 days wide; true where they were wider.';
