-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0047_identity > sql/duckdb/0047_identity.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS catalog.identity_decisions (
  "proposal_id" VARCHAR NOT NULL,
  "problem" VARCHAR NOT NULL,
  "proposal" VARCHAR NOT NULL,
  "approved" BOOLEAN NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "other_id" INTEGER,
  "rows_moved" BIGINT NOT NULL,
  "author" VARCHAR NOT NULL,
  "note" VARCHAR,
  "decided_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.identity_decisions IS 'What people decided about renamed and reused tickers; each decision once, never changed.';
COMMENT ON COLUMN catalog.identity_decisions."proposal_id" IS 'Of `fundplatform identity review`: hash of what it says.';
COMMENT ON COLUMN catalog.identity_decisions."problem" IS 'rename, reuse or gap.';
COMMENT ON COLUMN catalog.identity_decisions."proposal" IS 'What was proposed, in words.';
COMMENT ON COLUMN catalog.identity_decisions."approved" IS 'True: it was done; False: it was refused.';
COMMENT ON COLUMN catalog.identity_decisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.identity_decisions."other_id" IS 'The instrument that was merged, or split off.';
COMMENT ON COLUMN catalog.identity_decisions."rows_moved" IS 'Raw rows that changed their instrument.';
COMMENT ON COLUMN catalog.identity_decisions."author" IS 'Who decided.';
COMMENT ON COLUMN catalog.identity_decisions."note" IS 'Why, as the author wrote it.';
COMMENT ON COLUMN catalog.identity_decisions."decided_at" IS 'When (UTC).';
COMMENT ON COLUMN catalog.identity_decisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.identity_decisions."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.identity_decisions_revisions (
  "proposal_id" VARCHAR NOT NULL,
  "problem" VARCHAR NOT NULL,
  "proposal" VARCHAR NOT NULL,
  "approved" BOOLEAN NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "other_id" INTEGER,
  "rows_moved" BIGINT NOT NULL,
  "author" VARCHAR NOT NULL,
  "note" VARCHAR,
  "decided_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE catalog.identity_decisions_revisions IS 'Superseded versions of catalog.identity_decisions.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."proposal_id" IS 'Of `fundplatform identity review`: hash of what it says.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."problem" IS 'rename, reuse or gap.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."proposal" IS 'What was proposed, in words.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."approved" IS 'True: it was done; False: it was refused.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."other_id" IS 'The instrument that was merged, or split off.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."rows_moved" IS 'Raw rows that changed their instrument.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."author" IS 'Who decided.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."note" IS 'Why, as the author wrote it.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."decided_at" IS 'When (UTC).';
COMMENT ON COLUMN catalog.identity_decisions_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.identity_decisions_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN catalog.identity_decisions_revisions."recorded_to" IS 'When this version was superseded (UTC).';
