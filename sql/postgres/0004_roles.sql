-- Two group roles: grant them to logins (`GRANT bi_reader TO dashboard`).
-- `fundplatform init` calls ops.grant_roles() each time, so grants survive views made anew.
-- Re-runnable. Roles belong to the whole server; where this login may not create them, a
-- superuser creates them once (docs/operations.md) and init grants the rest.

CREATE OR REPLACE FUNCTION ops.grant_roles() RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  part text;
BEGIN
  BEGIN
    FOREACH part IN ARRAY ARRAY['fundplatform_writer', 'bi_reader'] LOOP
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = part) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', part);
      END IF;
    END LOOP;
  EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'roles missing: fundplatform_writer, bi_reader';
  END;

  FOREACH part IN ARRAY ARRAY['raw', 'catalog', 'prices', 'indices', 'funds', 'ops', 'marts'] LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO fundplatform_writer', part);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I '
                   'TO fundplatform_writer', part);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC', part);
  END LOOP;
  REVOKE INSERT, UPDATE, DELETE ON ops.migrations FROM fundplatform_writer;
  GRANT USAGE ON SCHEMA marts TO bi_reader;
  GRANT SELECT ON ALL TABLES IN SCHEMA marts TO bi_reader;
  BEGIN
    -- Every login may make temporary tables by default; a reader may not.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO fundplatform_writer', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  EXCEPTION WHEN insufficient_privilege OR invalid_schema_name THEN
    NULL;  -- not the owner of the database
  END;
  RETURN 'roles: fundplatform_writer, bi_reader';
END
$$;
COMMENT ON FUNCTION ops.grant_roles IS 'Makes the roles where allowed and grants them their rights.';
