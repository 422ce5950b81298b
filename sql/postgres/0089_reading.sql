-- Quicker reads of one symbol. Re-runnable. The rows are those of before, as in sql/duckdb.

-- `fundplatform init` calls it each time: the setting does not come with a restored dump.
CREATE OR REPLACE FUNCTION ops.spare_compilation() RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM pg_db_role_setting AS s
    JOIN pg_database AS d ON d.oid = s.setdatabase
    CROSS JOIN LATERAL unnest(s.setconfig) AS setting
    WHERE d.datname = current_database() AND s.setrole = 0 AND setting LIKE 'jit=%'
  ) THEN
    RETURN 'jit as this database has it set';
  END IF;
  EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
  RETURN 'jit off';
EXCEPTION WHEN insufficient_privilege THEN
  RETURN 'jit as the server has it: not the owner of the database';
END
$$;
COMMENT ON FUNCTION ops.spare_compilation IS
  'Switches JIT off for this database, unless it was set by hand: with a table in chunks, compiling takes longer than the marts'' queries.';

CREATE OR REPLACE VIEW marts.adjusted_prices AS
SELECT i.instrument_id, i.symbol, i.asset_class, b."interval", b.quote, b.bar_open_at, b.session,
       b.open * b.factor AS open, b.high * b.factor AS high, b.low * b.factor AS low,
       b.close * b.factor AS close, b.volume / b.factor AS volume,
       b.close AS close_as_delivered, b.factor AS split_factor,
       CASE WHEN b.adjustment = 'none' THEN 'split' ELSE b.adjustment END AS basis
FROM catalog.instruments AS i
-- OFFSET 0: else the newest factor of every instrument is made first, whatever is asked for.
LEFT JOIN LATERAL (
  SELECT split_factor FROM catalog.newest_factors WHERE instrument_id = i.instrument_id OFFSET 0
) AS n ON true
CROSS JOIN LATERAL (
  SELECT v.*, CASE WHEN v.adjustment = 'none'
              THEN coalesce(f.split_factor / coalesce(n.split_factor, 1), 1) ELSE 1 END AS factor
  FROM prices.validated AS v
  LEFT JOIN catalog.adjustment_factors AS f
    ON f.instrument_id = v.instrument_id AND v.session BETWEEN f.from_session AND f.to_session
  WHERE v.selected AND v.instrument_id = i.instrument_id
) AS b;
