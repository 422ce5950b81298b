-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0045_actions > sql/postgres/0045_actions.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS catalog.corporate_actions (
  "instrument_id" INTEGER NOT NULL,
  "action" TEXT COLLATE "C" NOT NULL,
  "ex_date" DATE NOT NULL,
  "ratio" DOUBLE PRECISION,
  "amount" DOUBLE PRECISION,
  "currency" TEXT COLLATE "C",
  "other_symbol" TEXT COLLATE "C",
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "source_id" SMALLINT NOT NULL,
  "reference" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "action", "ex_date")
);
COMMENT ON TABLE catalog.corporate_actions IS 'The corporate actions that count: one row per event, of the source that is believed.';
COMMENT ON COLUMN catalog.corporate_actions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.corporate_actions."action" IS 'split, stock_dividend, dividend, special_dividend, spin_off, merger, delisting or rename.';
COMMENT ON COLUMN catalog.corporate_actions."ex_date" IS 'First session that trades without the entitlement.';
COMMENT ON COLUMN catalog.corporate_actions."ratio" IS 'New shares per old share; of the other company''s.';
COMMENT ON COLUMN catalog.corporate_actions."amount" IS 'Cash or value per old share, in `currency`.';
COMMENT ON COLUMN catalog.corporate_actions."currency" IS 'Currency of `amount`; NULL: that of the quote.';
COMMENT ON COLUMN catalog.corporate_actions."other_symbol" IS 'Child, acquirer, or the new ticker.';
COMMENT ON COLUMN catalog.corporate_actions."known_at" IS 'When the public knew: announcement, else the ex-date.';
COMMENT ON COLUMN catalog.corporate_actions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.corporate_actions."reference" IS 'Where the fact is published.';
COMMENT ON COLUMN catalog.corporate_actions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.corporate_actions."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.corporate_actions_revisions (
  "instrument_id" INTEGER NOT NULL,
  "action" TEXT COLLATE "C" NOT NULL,
  "ex_date" DATE NOT NULL,
  "ratio" DOUBLE PRECISION,
  "amount" DOUBLE PRECISION,
  "currency" TEXT COLLATE "C",
  "other_symbol" TEXT COLLATE "C",
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "source_id" SMALLINT NOT NULL,
  "reference" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE catalog.corporate_actions_revisions IS 'Superseded versions of catalog.corporate_actions.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."action" IS 'split, stock_dividend, dividend, special_dividend, spin_off, merger, delisting or rename.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."ex_date" IS 'First session that trades without the entitlement.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."ratio" IS 'New shares per old share; of the other company''s.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."amount" IS 'Cash or value per old share, in `currency`.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."currency" IS 'Currency of `amount`; NULL: that of the quote.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."other_symbol" IS 'Child, acquirer, or the new ticker.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."known_at" IS 'When the public knew: announcement, else the ex-date.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."reference" IS 'Where the fact is published.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.corporate_actions_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN catalog.corporate_actions_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS catalog.total_return_factors (
  "instrument_id" INTEGER NOT NULL,
  "from_session" DATE NOT NULL,
  "to_session" DATE NOT NULL,
  "total_factor" DOUBLE PRECISION NOT NULL,
  "vendor_factor" DOUBLE PRECISION NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("instrument_id", "from_session")
);
COMMENT ON TABLE catalog.total_return_factors IS 'Payment factors by period, on top of the split factors; views multiply, nothing more.';
COMMENT ON COLUMN catalog.total_return_factors."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.total_return_factors."from_session" IS 'First session of the period (inclusive).';
COMMENT ON COLUMN catalog.total_return_factors."to_session" IS 'Last session of the period (inclusive).';
COMMENT ON COLUMN catalog.total_return_factors."total_factor" IS 'Payments reinvested at the ex-date''s close: ratios of price x it are total returns.';
COMMENT ON COLUMN catalog.total_return_factors."vendor_factor" IS 'Product of 1 - D / P_prev, as vendors adjust; for comparison and display only.';
COMMENT ON COLUMN catalog.total_return_factors."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.total_return_factors."run_id" IS 'Dagster run that wrote this version.';
