-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0020_desk > sql/postgres/0020_desk.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS ops.findings (
  "source_id" SMALLINT NOT NULL,
  "session" DATE NOT NULL,
  "rule" TEXT COLLATE "C" NOT NULL,
  "severity" TEXT COLLATE "C" NOT NULL,
  "observed" DOUBLE PRECISION,
  "expected" DOUBLE PRECISION,
  "finding" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "source_id", "rule")
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
  "override_id" TEXT COLLATE "C" NOT NULL,
  "action" TEXT COLLATE "C" NOT NULL,
  "source" TEXT COLLATE "C",
  "asset_class" TEXT COLLATE "C",
  "symbol" TEXT COLLATE "C",
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "rules" TEXT COLLATE "C",
  "field" TEXT COLLATE "C",
  "value" DOUBLE PRECISION,
  "author" TEXT COLLATE "C" NOT NULL,
  "reason" TEXT COLLATE "C" NOT NULL,
  "expires_on" DATE,
  "origin" TEXT COLLATE "C" NOT NULL,
  "withdrawn_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("override_id")
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
  "override_id" TEXT COLLATE "C" NOT NULL,
  "action" TEXT COLLATE "C" NOT NULL,
  "source" TEXT COLLATE "C",
  "asset_class" TEXT COLLATE "C",
  "symbol" TEXT COLLATE "C",
  "first_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "rules" TEXT COLLATE "C",
  "field" TEXT COLLATE "C",
  "value" DOUBLE PRECISION,
  "author" TEXT COLLATE "C" NOT NULL,
  "reason" TEXT COLLATE "C" NOT NULL,
  "expires_on" DATE,
  "origin" TEXT COLLATE "C" NOT NULL,
  "withdrawn_at" TIMESTAMP WITH TIME ZONE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
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
