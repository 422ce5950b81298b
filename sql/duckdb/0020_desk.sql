-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0020_desk > sql/duckdb/0020_desk.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS ops.findings (
  "source_id" SMALLINT NOT NULL,
  "session" DATE NOT NULL,
  "rule" VARCHAR NOT NULL,
  "severity" VARCHAR NOT NULL,
  "observed" DOUBLE,
  "expected" DOUBLE,
  "finding" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE ops.findings IS 'What a rule found about a source''s session as a whole (V13, V14, V26).';
COMMENT ON COLUMN ops.findings."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN ops.findings."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN ops.findings."rule" IS 'Rule id.';
COMMENT ON COLUMN ops.findings."severity" IS 'error or warning; an error of V13 or V26 holds the session.';
COMMENT ON COLUMN ops.findings."observed" IS 'The number seen (rows).';
COMMENT ON COLUMN ops.findings."expected" IS 'The usual number, or the limit.';
COMMENT ON COLUMN ops.findings."finding" IS 'In words.';
COMMENT ON COLUMN ops.findings."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.findings."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.overrides (
  "override_id" VARCHAR NOT NULL,
  "action" VARCHAR NOT NULL,
  "source" VARCHAR,
  "asset_class" VARCHAR,
  "symbol" VARCHAR,
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "rules" VARCHAR,
  "field" VARCHAR,
  "value" DOUBLE,
  "author" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "expires_on" DATE,
  "origin" VARCHAR NOT NULL,
  "withdrawn_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE ops.overrides IS 'What people decided against the rules, of commands and of overrides.yaml; expired ones stay.';
COMMENT ON COLUMN ops.overrides."override_id" IS 'Made from what it says, so that it is stored once.';
COMMENT ON COLUMN ops.overrides."action" IS 'accept, correct or exclude bars; release a held session.';
COMMENT ON COLUMN ops.overrides."source" IS 'Source name; NULL: bars of any source.';
COMMENT ON COLUMN ops.overrides."asset_class" IS 'Asset class of the instrument; NULL: any.';
COMMENT ON COLUMN ops.overrides."symbol" IS 'Canonical symbol of the instrument; NULL: any.';
COMMENT ON COLUMN ops.overrides."first_session" IS 'First session it is about.';
COMMENT ON COLUMN ops.overrides."last_session" IS 'Last session it is about.';
COMMENT ON COLUMN ops.overrides."rules" IS 'accept: ids of the rules, comma-separated; NULL: any.';
COMMENT ON COLUMN ops.overrides."field" IS 'correct: open, high, low, close, volume or vwap.';
COMMENT ON COLUMN ops.overrides."value" IS 'correct: the value instead.';
COMMENT ON COLUMN ops.overrides."author" IS 'Who decided.';
COMMENT ON COLUMN ops.overrides."reason" IS 'Why.';
COMMENT ON COLUMN ops.overrides."expires_on" IS 'Last day it is in force; NULL: a release, for good.';
COMMENT ON COLUMN ops.overrides."origin" IS 'command, or overrides.yaml.';
COMMENT ON COLUMN ops.overrides."withdrawn_at" IS 'When it was taken back (UTC).';
COMMENT ON COLUMN ops.overrides."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.overrides."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.overrides_revisions (
  "override_id" VARCHAR NOT NULL,
  "action" VARCHAR NOT NULL,
  "source" VARCHAR,
  "asset_class" VARCHAR,
  "symbol" VARCHAR,
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "rules" VARCHAR,
  "field" VARCHAR,
  "value" DOUBLE,
  "author" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "expires_on" DATE,
  "origin" VARCHAR NOT NULL,
  "withdrawn_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE ops.overrides_revisions IS 'Superseded versions of ops.overrides.';
COMMENT ON COLUMN ops.overrides_revisions."override_id" IS 'Made from what it says, so that it is stored once.';
COMMENT ON COLUMN ops.overrides_revisions."action" IS 'accept, correct or exclude bars; release a held session.';
COMMENT ON COLUMN ops.overrides_revisions."source" IS 'Source name; NULL: bars of any source.';
COMMENT ON COLUMN ops.overrides_revisions."asset_class" IS 'Asset class of the instrument; NULL: any.';
COMMENT ON COLUMN ops.overrides_revisions."symbol" IS 'Canonical symbol of the instrument; NULL: any.';
COMMENT ON COLUMN ops.overrides_revisions."first_session" IS 'First session it is about.';
COMMENT ON COLUMN ops.overrides_revisions."last_session" IS 'Last session it is about.';
COMMENT ON COLUMN ops.overrides_revisions."rules" IS 'accept: ids of the rules, comma-separated; NULL: any.';
COMMENT ON COLUMN ops.overrides_revisions."field" IS 'correct: open, high, low, close, volume or vwap.';
COMMENT ON COLUMN ops.overrides_revisions."value" IS 'correct: the value instead.';
COMMENT ON COLUMN ops.overrides_revisions."author" IS 'Who decided.';
COMMENT ON COLUMN ops.overrides_revisions."reason" IS 'Why.';
COMMENT ON COLUMN ops.overrides_revisions."expires_on" IS 'Last day it is in force; NULL: a release, for good.';
COMMENT ON COLUMN ops.overrides_revisions."origin" IS 'command, or overrides.yaml.';
COMMENT ON COLUMN ops.overrides_revisions."withdrawn_at" IS 'When it was taken back (UTC).';
COMMENT ON COLUMN ops.overrides_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.overrides_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN ops.overrides_revisions."recorded_to" IS 'When this version was superseded (UTC).';
