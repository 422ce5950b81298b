-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb 0097_carried > sql/duckdb/0097_carried.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE TABLE IF NOT EXISTS funds.carried (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "return_basis" VARCHAR NOT NULL,
  "calendar" VARCHAR NOT NULL,
  "cut" DATE NOT NULL,
  "start_session" DATE NOT NULL,
  "last_session" DATE NOT NULL,
  "sessions" INTEGER NOT NULL,
  "n_returns" INTEGER NOT NULL,
  "growth" DOUBLE NOT NULL,
  "benchmark_id" INTEGER,
  "rates_vary" BOOLEAN NOT NULL,
  "sources" VARCHAR NOT NULL,
  "carrying" VARCHAR NOT NULL,
  "mixed" BOOLEAN NOT NULL,
  "code_version" VARCHAR NOT NULL,
  "statistics" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE funds.carried IS 'What the frame ALL keeps of prices before its cut (eleven years back), so that a later day of the same year need not read them; counts while nothing before it has changed.';
COMMENT ON COLUMN funds.carried."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN funds.carried."session" IS 'Session in whose run it was kept.';
COMMENT ON COLUMN funds.carried."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN funds.carried."calendar" IS 'Calendar of the series.';
COMMENT ON COLUMN funds.carried."cut" IS 'First day behind the cut.';
COMMENT ON COLUMN funds.carried."start_session" IS 'Session of the series'' first price.';
COMMENT ON COLUMN funds.carried."last_session" IS 'Session of its last price before the cut.';
COMMENT ON COLUMN funds.carried."sessions" IS 'Sessions from its first price to the one before the cut.';
COMMENT ON COLUMN funds.carried."n_returns" IS 'Returns before the cut.';
COMMENT ON COLUMN funds.carried."growth" IS 'Price before the cut / first price.';
COMMENT ON COLUMN funds.carried."benchmark_id" IS 'Instrument that it is measured against.';
COMMENT ON COLUMN funds.carried."rates_vary" IS 'True where risk-free rates are by date.';
COMMENT ON COLUMN funds.carried."sources" IS 'Ids of the instrument''s sources before the cut, by comma.';
COMMENT ON COLUMN funds.carried."carrying" IS 'Ids of all sources whose prices carry dividends, by comma.';
COMMENT ON COLUMN funds.carried."mixed" IS 'True where there are bars of both return bases.';
COMMENT ON COLUMN funds.carried."code_version" IS 'Of the rules that it was made by.';
COMMENT ON COLUMN funds.carried."statistics" IS 'JSON: fields of finance/folds.py by statistic, and the lowest returns.';
COMMENT ON COLUMN funds.carried."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN funds.carried."run_id" IS 'Dagster run that wrote this version.';
