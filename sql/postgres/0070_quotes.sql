-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0070_quotes > sql/postgres/0070_quotes.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS raw.quotes (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "quoted_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "price" DOUBLE PRECISION NOT NULL,
  "bid" DOUBLE PRECISION,
  "ask" DOUBLE PRECISION,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "source_id", "instrument_id", "quote", "quoted_at")
);
COMMENT ON TABLE raw.quotes IS 'Latest quotes as asked for during the day; no history, and no part of any index or metric.';
COMMENT ON COLUMN raw.quotes."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.quotes."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.quotes."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.quotes."quoted_at" IS 'Vendor''s time of the price, else when it came (UTC).';
COMMENT ON COLUMN raw.quotes."session" IS 'UTC day of `quoted_at`.';
COMMENT ON COLUMN raw.quotes."price" IS 'Latest price, quote currency.';
COMMENT ON COLUMN raw.quotes."bid" IS 'Best bid, quote currency.';
COMMENT ON COLUMN raw.quotes."ask" IS 'Best ask, quote currency.';
COMMENT ON COLUMN raw.quotes."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.quotes."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.quotes."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.quotes."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.quotes_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "quoted_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "price" DOUBLE PRECISION NOT NULL,
  "bid" DOUBLE PRECISION,
  "ask" DOUBLE PRECISION,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.quotes_revisions IS 'Superseded versions of raw.quotes.';
COMMENT ON COLUMN raw.quotes_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.quotes_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.quotes_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.quotes_revisions."quoted_at" IS 'Vendor''s time of the price, else when it came (UTC).';
COMMENT ON COLUMN raw.quotes_revisions."session" IS 'UTC day of `quoted_at`.';
COMMENT ON COLUMN raw.quotes_revisions."price" IS 'Latest price, quote currency.';
COMMENT ON COLUMN raw.quotes_revisions."bid" IS 'Best bid, quote currency.';
COMMENT ON COLUMN raw.quotes_revisions."ask" IS 'Best ask, quote currency.';
COMMENT ON COLUMN raw.quotes_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.quotes_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.quotes_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.quotes_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.quotes_revisions."recorded_to" IS 'When this version was superseded (UTC).';
