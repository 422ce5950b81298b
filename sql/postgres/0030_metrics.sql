-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0030_metrics > sql/postgres/0030_metrics.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS funds.risk (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "frame" TEXT COLLATE "C" NOT NULL,
  "return_basis" TEXT COLLATE "C" NOT NULL,
  "peak_session" DATE,
  "trough_session" DATE,
  "recovery_session" DATE,
  "calmar" DOUBLE PRECISION,
  "var_95" DOUBLE PRECISION,
  "cvar_95" DOUBLE PRECISION,
  "skewness" DOUBLE PRECISION,
  "kurtosis" DOUBLE PRECISION,
  "best_day" DOUBLE PRECISION,
  "worst_day" DOUBLE PRECISION,
  "n_months" INTEGER NOT NULL,
  "best_month" DOUBLE PRECISION,
  "worst_month" DOUBLE PRECISION,
  "positive_months" DOUBLE PRECISION,
  "benchmark_id" INTEGER,
  "n_common" INTEGER NOT NULL,
  "beta" DOUBLE PRECISION,
  "alpha" DOUBLE PRECISION,
  "tracking_error" DOUBLE PRECISION,
  "information_ratio" DOUBLE PRECISION,
  "up_capture" DOUBLE PRECISION,
  "down_capture" DOUBLE PRECISION,
  "reason" TEXT COLLATE "C",
  "benchmark_reason" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "instrument_id", "frame", "return_basis")
);
COMMENT ON TABLE funds.risk IS 'Drawdown dates, tails, shape, months and benchmark figures beside funds.metrics.';
COMMENT ON COLUMN funds.risk."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN funds.risk."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN funds.risk."frame" IS '1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL.';
COMMENT ON COLUMN funds.risk."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN funds.risk."peak_session" IS 'Peak before the deepest drawdown.';
COMMENT ON COLUMN funds.risk."trough_session" IS 'Its lowest session.';
COMMENT ON COLUMN funds.risk."recovery_session" IS 'First session back at the peak; NULL: not yet.';
COMMENT ON COLUMN funds.risk."calmar" IS 'annualized_return / -max_drawdown; a year or more.';
COMMENT ON COLUMN funds.risk."var_95" IS 'Historical one-day loss at 5 %, positive; n >= 100.';
COMMENT ON COLUMN funds.risk."cvar_95" IS 'Mean loss at or beyond it, positive; n >= 100.';
COMMENT ON COLUMN funds.risk."skewness" IS 'Of daily returns, adjusted (G1).';
COMMENT ON COLUMN funds.risk."kurtosis" IS 'Excess, of daily returns, adjusted (G2).';
COMMENT ON COLUMN funds.risk."best_day" IS 'Highest daily return, decimal.';
COMMENT ON COLUMN funds.risk."worst_day" IS 'Lowest daily return, decimal.';
COMMENT ON COLUMN funds.risk."n_months" IS 'Complete calendar months in the frame.';
COMMENT ON COLUMN funds.risk."best_month" IS 'Highest return of a complete month, decimal.';
COMMENT ON COLUMN funds.risk."worst_month" IS 'Lowest return of a complete month, decimal.';
COMMENT ON COLUMN funds.risk."positive_months" IS 'Share of complete months above 0.';
COMMENT ON COLUMN funds.risk."benchmark_id" IS 'Instrument that is the declared benchmark.';
COMMENT ON COLUMN funds.risk."n_common" IS 'Returns on common days.';
COMMENT ON COLUMN funds.risk."beta" IS 'Slope of excess returns on the benchmark''s.';
COMMENT ON COLUMN funds.risk."alpha" IS 'Jensen''s alpha, a year, decimal.';
COMMENT ON COLUMN funds.risk."tracking_error" IS 'Annualised std of the difference, decimal.';
COMMENT ON COLUMN funds.risk."information_ratio" IS 'Annualised mean difference / error.';
COMMENT ON COLUMN funds.risk."up_capture" IS 'Where the benchmark rose; 1 = 100 %.';
COMMENT ON COLUMN funds.risk."down_capture" IS 'Where it fell; months from a year on, else days.';
COMMENT ON COLUMN funds.risk."reason" IS 'Why values are NULL.';
COMMENT ON COLUMN funds.risk."benchmark_reason" IS 'Why benchmark figures are NULL.';
COMMENT ON COLUMN funds.risk."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN funds.risk."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS funds.scores (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "frame" TEXT COLLATE "C" NOT NULL,
  "return_basis" TEXT COLLATE "C" NOT NULL,
  "peer_group" TEXT COLLATE "C",
  "peer_count" INTEGER NOT NULL,
  "score" INTEGER,
  "total_return_percentile" DOUBLE PRECISION,
  "annualized_return_percentile" DOUBLE PRECISION,
  "sharpe_percentile" DOUBLE PRECISION,
  "sortino_percentile" DOUBLE PRECISION,
  "calmar_percentile" DOUBLE PRECISION,
  "max_drawdown_percentile" DOUBLE PRECISION,
  "volatility_percentile" DOUBLE PRECISION,
  "tracking_error_percentile" DOUBLE PRECISION,
  "expense_ratio_percentile" DOUBLE PRECISION,
  "weights_version" TEXT COLLATE "C" NOT NULL,
  "reason" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "instrument_id", "frame", "return_basis")
);
COMMENT ON TABLE funds.scores IS 'Score 0-100 of each fund within its peer group (methodology B6), by frame and in one number.';
COMMENT ON COLUMN funds.scores."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN funds.scores."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN funds.scores."frame" IS '1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL, or HEADLINE.';
COMMENT ON COLUMN funds.scores."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN funds.scores."peer_group" IS 'Fund type, asset class and category.';
COMMENT ON COLUMN funds.scores."peer_count" IS 'Members of the group on this session.';
COMMENT ON COLUMN funds.scores."score" IS '0-100, 100 is best.';
COMMENT ON COLUMN funds.scores."total_return_percentile" IS '0-100 in the group; 100 is best.';
COMMENT ON COLUMN funds.scores."annualized_return_percentile" IS '0-100; 100 is best.';
COMMENT ON COLUMN funds.scores."sharpe_percentile" IS '0-100; 100 is best.';
COMMENT ON COLUMN funds.scores."sortino_percentile" IS '0-100; 100 is best.';
COMMENT ON COLUMN funds.scores."calmar_percentile" IS '0-100; 100 is best.';
COMMENT ON COLUMN funds.scores."max_drawdown_percentile" IS '0-100; 100 fell least.';
COMMENT ON COLUMN funds.scores."volatility_percentile" IS '0-100; 100 is calmest.';
COMMENT ON COLUMN funds.scores."tracking_error_percentile" IS '0-100; 100 is closest.';
COMMENT ON COLUMN funds.scores."expense_ratio_percentile" IS '0-100; 100 is cheapest.';
COMMENT ON COLUMN funds.scores."weights_version" IS 'Version of the declared weights.';
COMMENT ON COLUMN funds.scores."reason" IS 'Why there is no score.';
COMMENT ON COLUMN funds.scores."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN funds.scores."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.reconciliation (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "frame" TEXT COLLATE "C" NOT NULL,
  "return_basis" TEXT COLLATE "C" NOT NULL,
  "metric" TEXT COLLATE "C" NOT NULL,
  "library" TEXT COLLATE "C" NOT NULL,
  "library_version" TEXT COLLATE "C" NOT NULL,
  "ours" DOUBLE PRECISION,
  "theirs" DOUBLE PRECISION,
  "expected" DOUBLE PRECISION,
  "explanation" TEXT COLLATE "C",
  "explained" BOOLEAN NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "instrument_id", "frame", "return_basis", "metric", "library")
);
COMMENT ON TABLE ops.reconciliation IS 'Our metrics beside those of other libraries under their conventions, differences explained.';
COMMENT ON COLUMN ops.reconciliation."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN ops.reconciliation."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN ops.reconciliation."frame" IS '1Y 3Y ALL.';
COMMENT ON COLUMN ops.reconciliation."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN ops.reconciliation."metric" IS 'Column of funds.metrics or funds.risk.';
COMMENT ON COLUMN ops.reconciliation."library" IS 'empyrical, quantstats or ffn.';
COMMENT ON COLUMN ops.reconciliation."library_version" IS 'Version that was run.';
COMMENT ON COLUMN ops.reconciliation."ours" IS 'Our value.';
COMMENT ON COLUMN ops.reconciliation."theirs" IS 'The library''s own default answer.';
COMMENT ON COLUMN ops.reconciliation."expected" IS 'Our returns under the library''s convention.';
COMMENT ON COLUMN ops.reconciliation."explanation" IS 'By which convention the two differ; NULL: not at all.';
COMMENT ON COLUMN ops.reconciliation."explained" IS 'False: theirs is neither ours nor expected.';
COMMENT ON COLUMN ops.reconciliation."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.reconciliation."run_id" IS 'Dagster run that wrote this version.';
