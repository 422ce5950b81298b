-- Tables of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl postgres 0025_quality > sql/postgres/0025_quality.sql
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.

CREATE TABLE IF NOT EXISTS prices.consensus (
  "instrument_id" INTEGER NOT NULL,
  "interval" TEXT COLLATE "C" NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "source_id" SMALLINT,
  "adjustment" TEXT COLLATE "C" NOT NULL,
  "n_sources" INTEGER NOT NULL,
  "median_close" DOUBLE PRECISION NOT NULL,
  "deviation" DOUBLE PRECISION NOT NULL,
  "tolerance" DOUBLE PRECISION NOT NULL,
  "outliers" TEXT COLLATE "C",
  "reason" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "instrument_id", "interval", "quote", "bar_open_at")
);
COMMENT ON TABLE prices.consensus IS 'Bars that several sources have on one basis: which source is used and why.';
COMMENT ON COLUMN prices.consensus."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.consensus."interval" IS 'Bar length.';
COMMENT ON COLUMN prices.consensus."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.consensus."bar_open_at" IS 'Start of the bar (UTC).';
COMMENT ON COLUMN prices.consensus."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.consensus."source_id" IS 'Source used: `selected` in prices.validated.';
COMMENT ON COLUMN prices.consensus."adjustment" IS 'Basis on which they were compared.';
COMMENT ON COLUMN prices.consensus."n_sources" IS 'Sources with this bar on this basis.';
COMMENT ON COLUMN prices.consensus."median_close" IS 'Median close of these sources, quote currency.';
COMMENT ON COLUMN prices.consensus."deviation" IS 'Largest |close / median - 1| among them, decimal.';
COMMENT ON COLUMN prices.consensus."tolerance" IS 'Tolerance of the asset class (V23), decimal.';
COMMENT ON COLUMN prices.consensus."outliers" IS 'Ids of sources beyond it, comma-separated.';
COMMENT ON COLUMN prices.consensus."reason" IS 'Why this source is used, in words.';
COMMENT ON COLUMN prices.consensus."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.consensus."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS prices.consensus_revisions (
  "instrument_id" INTEGER NOT NULL,
  "interval" TEXT COLLATE "C" NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "source_id" SMALLINT,
  "adjustment" TEXT COLLATE "C" NOT NULL,
  "n_sources" INTEGER NOT NULL,
  "median_close" DOUBLE PRECISION NOT NULL,
  "deviation" DOUBLE PRECISION NOT NULL,
  "tolerance" DOUBLE PRECISION NOT NULL,
  "outliers" TEXT COLLATE "C",
  "reason" TEXT COLLATE "C" NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE prices.consensus_revisions IS 'Superseded versions of prices.consensus.';
COMMENT ON COLUMN prices.consensus_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.consensus_revisions."interval" IS 'Bar length.';
COMMENT ON COLUMN prices.consensus_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.consensus_revisions."bar_open_at" IS 'Start of the bar (UTC).';
COMMENT ON COLUMN prices.consensus_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.consensus_revisions."source_id" IS 'Source used: `selected` in prices.validated.';
COMMENT ON COLUMN prices.consensus_revisions."adjustment" IS 'Basis on which they were compared.';
COMMENT ON COLUMN prices.consensus_revisions."n_sources" IS 'Sources with this bar on this basis.';
COMMENT ON COLUMN prices.consensus_revisions."median_close" IS 'Median close of these sources, quote currency.';
COMMENT ON COLUMN prices.consensus_revisions."deviation" IS 'Largest |close / median - 1| among them, decimal.';
COMMENT ON COLUMN prices.consensus_revisions."tolerance" IS 'Tolerance of the asset class (V23), decimal.';
COMMENT ON COLUMN prices.consensus_revisions."outliers" IS 'Ids of sources beyond it, comma-separated.';
COMMENT ON COLUMN prices.consensus_revisions."reason" IS 'Why this source is used, in words.';
COMMENT ON COLUMN prices.consensus_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.consensus_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN prices.consensus_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS ops.source_reliability (
  "source_id" SMALLINT NOT NULL,
  "session" DATE NOT NULL,
  "rows" BIGINT NOT NULL,
  "rows_compared" BIGINT NOT NULL,
  "rows_agreeing" BIGINT NOT NULL,
  "rows_expected" BIGINT NOT NULL,
  "rows_present" BIGINT NOT NULL,
  "rows_timed" BIGINT NOT NULL,
  "rows_timely" BIGINT NOT NULL,
  "rows_corrected" BIGINT NOT NULL,
  "score" DOUBLE PRECISION,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("session", "source_id")
);
COMMENT ON TABLE ops.source_reliability IS 'Per source and session: how its bars compared, came and lasted; score over 60 sessions.';
COMMENT ON COLUMN ops.source_reliability."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN ops.source_reliability."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN ops.source_reliability."rows" IS 'Raw bars of the session.';
COMMENT ON COLUMN ops.source_reliability."rows_compared" IS 'Of these, also in another source on the same basis.';
COMMENT ON COLUMN ops.source_reliability."rows_agreeing" IS 'Of these, within the tolerance of the median (V23).';
COMMENT ON COLUMN ops.source_reliability."rows_expected" IS 'Instruments it had in its session before or has now.';
COMMENT ON COLUMN ops.source_reliability."rows_present" IS 'Of these, in this session.';
COMMENT ON COLUMN ops.source_reliability."rows_timed" IS 'Bars fetched within a week of their close.';
COMMENT ON COLUMN ops.source_reliability."rows_timely" IS 'Of these, within a day of it.';
COMMENT ON COLUMN ops.source_reliability."rows_corrected" IS 'Bars whose values it changed later.';
COMMENT ON COLUMN ops.source_reliability."score" IS '0-100 over up to 60 sessions, see docs/reliability.md.';
COMMENT ON COLUMN ops.source_reliability."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.source_reliability."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.quality_results (
  "check_id" TEXT COLLATE "C" NOT NULL,
  "table_name" TEXT COLLATE "C" NOT NULL,
  "suite" TEXT COLLATE "C" NOT NULL,
  "number" INTEGER NOT NULL,
  "expectation" TEXT COLLATE "C" NOT NULL,
  "passed" BOOLEAN NOT NULL,
  "expected" TEXT COLLATE "C" NOT NULL,
  "actual" TEXT COLLATE "C" NOT NULL,
  "unexpected" BIGINT,
  "offenders" TEXT COLLATE "C",
  "rows" BIGINT NOT NULL,
  "from_session" DATE,
  "to_session" DATE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY ("check_id", "table_name", "suite", "number")
);
COMMENT ON TABLE ops.quality_results IS 'How each expectation of each suite went, run by run.';
COMMENT ON COLUMN ops.quality_results."check_id" IS 'Run id and the instant of the check.';
COMMENT ON COLUMN ops.quality_results."table_name" IS 'Table whose batch was held against the suite.';
COMMENT ON COLUMN ops.quality_results."suite" IS '`contract`, or the name of a file in the home''s expectations/.';
COMMENT ON COLUMN ops.quality_results."number" IS 'Place of the expectation in its suite, from 1.';
COMMENT ON COLUMN ops.quality_results."expectation" IS 'Great Expectations'' type.';
COMMENT ON COLUMN ops.quality_results."passed" IS 'Whether it held.';
COMMENT ON COLUMN ops.quality_results."expected" IS 'What must hold.';
COMMENT ON COLUMN ops.quality_results."actual" IS 'What was found.';
COMMENT ON COLUMN ops.quality_results."unexpected" IS 'Values that broke it, where it counts them.';
COMMENT ON COLUMN ops.quality_results."offenders" IS 'Up to five of them, JSON.';
COMMENT ON COLUMN ops.quality_results."rows" IS 'Rows of the batch.';
COMMENT ON COLUMN ops.quality_results."from_session" IS 'First session of the batch.';
COMMENT ON COLUMN ops.quality_results."to_session" IS 'Last session of the batch.';
COMMENT ON COLUMN ops.quality_results."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.quality_results."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.sources_revisions (
  "source_id" SMALLINT NOT NULL,
  "name" TEXT COLLATE "C" NOT NULL,
  "title" TEXT COLLATE "C" NOT NULL,
  "asset_class" TEXT COLLATE "C" NOT NULL,
  "calendar" TEXT COLLATE "C" NOT NULL,
  "coverage_start" DATE NOT NULL,
  "coverage_end" DATE,
  "priority" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE catalog.sources_revisions IS 'Superseded versions of catalog.sources.';
COMMENT ON COLUMN catalog.sources_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.sources_revisions."name" IS 'Source name, as in the asset key raw/<name>/...';
COMMENT ON COLUMN catalog.sources_revisions."title" IS 'What it is.';
COMMENT ON COLUMN catalog.sources_revisions."asset_class" IS 'Asset class of its instruments.';
COMMENT ON COLUMN catalog.sources_revisions."calendar" IS 'Its trading calendar.';
COMMENT ON COLUMN catalog.sources_revisions."coverage_start" IS 'First session it declares.';
COMMENT ON COLUMN catalog.sources_revisions."coverage_end" IS 'Last session of a finished data set.';
COMMENT ON COLUMN catalog.sources_revisions."priority" IS 'Lower wins where several sources have a bar.';
COMMENT ON COLUMN catalog.sources_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.sources_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN catalog.sources_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS catalog.instruments_revisions (
  "instrument_id" INTEGER NOT NULL,
  "asset_class" TEXT COLLATE "C" NOT NULL,
  "market" TEXT COLLATE "C" NOT NULL,
  "symbol" TEXT COLLATE "C" NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "name" TEXT COLLATE "C",
  "valid_from" DATE NOT NULL,
  "valid_to" DATE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE catalog.instruments_revisions IS 'Superseded versions of catalog.instruments.';
COMMENT ON COLUMN catalog.instruments_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.instruments_revisions."asset_class" IS 'equity, etf, fund, crypto, fx, commodity, rate, index, ...';
COMMENT ON COLUMN catalog.instruments_revisions."market" IS 'US, CRYPTO, FX, INDEX, ...';
COMMENT ON COLUMN catalog.instruments_revisions."symbol" IS 'Canonical symbol (BRK.B, BTC).';
COMMENT ON COLUMN catalog.instruments_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN catalog.instruments_revisions."name" IS 'Long name, where a source gives it.';
COMMENT ON COLUMN catalog.instruments_revisions."valid_from" IS 'First session any source knows.';
COMMENT ON COLUMN catalog.instruments_revisions."valid_to" IS 'Last session any source knows.';
COMMENT ON COLUMN catalog.instruments_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.instruments_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN catalog.instruments_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS prices.validated_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" TEXT COLLATE "C" NOT NULL,
  "quote" TEXT COLLATE "C" NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE PRECISION NOT NULL,
  "high" DOUBLE PRECISION NOT NULL,
  "low" DOUBLE PRECISION NOT NULL,
  "close" DOUBLE PRECISION NOT NULL,
  "volume" DOUBLE PRECISION,
  "vwap" DOUBLE PRECISION,
  "trade_count" BIGINT,
  "adjustment" TEXT COLLATE "C" NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "selected" BOOLEAN NOT NULL,
  "warnings" TEXT COLLATE "C",
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" TEXT COLLATE "C" NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE prices.validated_revisions IS 'Superseded versions of prices.validated.';
COMMENT ON COLUMN prices.validated_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN prices.validated_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.validated_revisions."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN prices.validated_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.validated_revisions."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN prices.validated_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.validated_revisions."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN prices.validated_revisions."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN prices.validated_revisions."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN prices.validated_revisions."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN prices.validated_revisions."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN prices.validated_revisions."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN prices.validated_revisions."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN prices.validated_revisions."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN prices.validated_revisions."known_at" IS 'When the public could know the bar: its close (UTC).';
COMMENT ON COLUMN prices.validated_revisions."selected" IS 'True for the source of highest priority for this bar.';
COMMENT ON COLUMN prices.validated_revisions."warnings" IS 'Ids of warning rules, comma-separated.';
COMMENT ON COLUMN prices.validated_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.validated_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN prices.validated_revisions."recorded_to" IS 'When this version was superseded (UTC).';
