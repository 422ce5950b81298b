-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0048_caps > sql/duckdb/0048_caps.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS catalog.securities (
  "instrument_id" INTEGER NOT NULL,
  "security_type" VARCHAR NOT NULL,
  "domestic" BOOLEAN,
  "issuer" VARCHAR,
  "share_class" VARCHAR,
  "reason" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.securities IS 'What each listed instrument is, by rule: common stock, or why not; its issuer''s lines.';
COMMENT ON COLUMN catalog.securities."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.securities."security_type" IS 'common, fund, unit, warrant, right, preferred or note.';
COMMENT ON COLUMN catalog.securities."domestic" IS 'False: a foreign company or a receipt; NULL: not known.';
COMMENT ON COLUMN catalog.securities."issuer" IS 'Issuer, the same for all its lines.';
COMMENT ON COLUMN catalog.securities."share_class" IS 'Class as its symbol or name says (A, B, C).';
COMMENT ON COLUMN catalog.securities."reason" IS 'By what it was told.';
COMMENT ON COLUMN catalog.securities."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.securities."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.market_caps (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "origin" VARCHAR NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "market_cap" DOUBLE NOT NULL,
  "currency" VARCHAR NOT NULL,
  "scope" VARCHAR NOT NULL,
  "trusted" BOOLEAN NOT NULL,
  "problem" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.market_caps IS 'Market caps as they may be used: of share counts first, then snapshots; and what is refused.';
COMMENT ON COLUMN catalog.market_caps."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.market_caps."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.market_caps."origin" IS 'shares: count x close; snapshot: as the source states it.';
COMMENT ON COLUMN catalog.market_caps."known_at" IS 'When the public could know it (UTC).';
COMMENT ON COLUMN catalog.market_caps."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN catalog.market_caps."market_cap" IS 'Of the line, or of the issuer; units of `currency`.';
COMMENT ON COLUMN catalog.market_caps."currency" IS 'Currency of `market_cap`.';
COMMENT ON COLUMN catalog.market_caps."scope" IS 'line, or issuer: each line carries the whole company''s cap.';
COMMENT ON COLUMN catalog.market_caps."trusted" IS 'False: not to be used.';
COMMENT ON COLUMN catalog.market_caps."problem" IS 'Why it is not trusted.';
COMMENT ON COLUMN catalog.market_caps."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.market_caps."run_id" IS 'Dagster run that wrote this version.';
