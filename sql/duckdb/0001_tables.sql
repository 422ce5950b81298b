-- Every table of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl duckdb > sql/duckdb/0001_tables.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.

CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS catalog;
CREATE SCHEMA IF NOT EXISTS prices;
CREATE SCHEMA IF NOT EXISTS indices;
CREATE SCHEMA IF NOT EXISTS funds;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS marts;

CREATE TABLE IF NOT EXISTS raw.ohlcv (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE,
  "high" DOUBLE,
  "low" DOUBLE,
  "close" DOUBLE,
  "volume" DOUBLE,
  "vwap" DOUBLE,
  "trade_count" BIGINT,
  "adjustment" VARCHAR NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.ohlcv IS 'Bars as the vendors gave them, one row per source and bar; bad rows included.';
COMMENT ON COLUMN raw.ohlcv."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.ohlcv."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.ohlcv."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN raw.ohlcv."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.ohlcv."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN raw.ohlcv."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.ohlcv."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN raw.ohlcv."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN raw.ohlcv."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN raw.ohlcv."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN raw.ohlcv."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN raw.ohlcv."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN raw.ohlcv."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN raw.ohlcv."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN raw.ohlcv."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.ohlcv."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.ohlcv."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.ohlcv."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.ohlcv_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE,
  "high" DOUBLE,
  "low" DOUBLE,
  "close" DOUBLE,
  "volume" DOUBLE,
  "vwap" DOUBLE,
  "trade_count" BIGINT,
  "adjustment" VARCHAR NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.ohlcv_revisions IS 'Superseded versions of raw.ohlcv.';
COMMENT ON COLUMN raw.ohlcv_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.ohlcv_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.ohlcv_revisions."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN raw.ohlcv_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.ohlcv_revisions."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN raw.ohlcv_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.ohlcv_revisions."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN raw.ohlcv_revisions."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN raw.ohlcv_revisions."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN raw.ohlcv_revisions."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN raw.ohlcv_revisions."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN raw.ohlcv_revisions."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN raw.ohlcv_revisions."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN raw.ohlcv_revisions."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN raw.ohlcv_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.ohlcv_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.ohlcv_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.ohlcv_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.ohlcv_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.trades (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "quote" VARCHAR NOT NULL,
  "trade_id" BIGINT NOT NULL,
  "session" DATE NOT NULL,
  "traded_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "price" DOUBLE NOT NULL,
  "volume" DOUBLE NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.trades IS 'Single trades (time and sales).';
COMMENT ON COLUMN raw.trades."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.trades."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.trades."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.trades."trade_id" IS 'The vendor''s id, else the ordinal within symbol and session.';
COMMENT ON COLUMN raw.trades."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.trades."traded_at" IS 'Time of the trade (UTC).';
COMMENT ON COLUMN raw.trades."price" IS 'Price, quote currency.';
COMMENT ON COLUMN raw.trades."volume" IS 'Units traded.';
COMMENT ON COLUMN raw.trades."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.trades."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.trades."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.trades."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.trades_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "quote" VARCHAR NOT NULL,
  "trade_id" BIGINT NOT NULL,
  "session" DATE NOT NULL,
  "traded_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "price" DOUBLE NOT NULL,
  "volume" DOUBLE NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.trades_revisions IS 'Superseded versions of raw.trades.';
COMMENT ON COLUMN raw.trades_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.trades_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.trades_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN raw.trades_revisions."trade_id" IS 'The vendor''s id, else the ordinal within symbol and session.';
COMMENT ON COLUMN raw.trades_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.trades_revisions."traded_at" IS 'Time of the trade (UTC).';
COMMENT ON COLUMN raw.trades_revisions."price" IS 'Price, quote currency.';
COMMENT ON COLUMN raw.trades_revisions."volume" IS 'Units traded.';
COMMENT ON COLUMN raw.trades_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.trades_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.trades_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.trades_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.trades_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.observations (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "vintage" DATE NOT NULL,
  "value" DOUBLE,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.observations IS 'One value a day: FX reference rates, interest rates, economic series, with vintages.';
COMMENT ON COLUMN raw.observations."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.observations."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.observations."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.observations."vintage" IS 'First day this value was the published one.';
COMMENT ON COLUMN raw.observations."value" IS 'FX: units of quote per one base. May be <= 0 for rates.';
COMMENT ON COLUMN raw.observations."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.observations."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.observations."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.observations."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.observations_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "vintage" DATE NOT NULL,
  "value" DOUBLE,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.observations_revisions IS 'Superseded versions of raw.observations.';
COMMENT ON COLUMN raw.observations_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.observations_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.observations_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN raw.observations_revisions."vintage" IS 'First day this value was the published one.';
COMMENT ON COLUMN raw.observations_revisions."value" IS 'FX: units of quote per one base. May be <= 0 for rates.';
COMMENT ON COLUMN raw.observations_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.observations_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.observations_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.observations_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.observations_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.corporate_actions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "action" VARCHAR NOT NULL,
  "ex_date" DATE NOT NULL,
  "ratio" DOUBLE,
  "amount" DOUBLE,
  "currency" VARCHAR,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "reference" VARCHAR,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.corporate_actions IS 'Splits, dividends and other actions as the sources state them.';
COMMENT ON COLUMN raw.corporate_actions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.corporate_actions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.corporate_actions."action" IS 'split, dividend, special_dividend, spin_off, merger, delisting.';
COMMENT ON COLUMN raw.corporate_actions."ex_date" IS 'First session that trades without the entitlement.';
COMMENT ON COLUMN raw.corporate_actions."ratio" IS 'Split: new shares per old share (2 for 2:1).';
COMMENT ON COLUMN raw.corporate_actions."amount" IS 'Dividend per old share, in `currency`.';
COMMENT ON COLUMN raw.corporate_actions."currency" IS 'Currency of `amount`.';
COMMENT ON COLUMN raw.corporate_actions."known_at" IS 'When the public knew: announcement, else the ex-date.';
COMMENT ON COLUMN raw.corporate_actions."reference" IS 'Where the fact is published.';
COMMENT ON COLUMN raw.corporate_actions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.corporate_actions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.corporate_actions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.corporate_actions."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.corporate_actions_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "action" VARCHAR NOT NULL,
  "ex_date" DATE NOT NULL,
  "ratio" DOUBLE,
  "amount" DOUBLE,
  "currency" VARCHAR,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "reference" VARCHAR,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.corporate_actions_revisions IS 'Superseded versions of raw.corporate_actions.';
COMMENT ON COLUMN raw.corporate_actions_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.corporate_actions_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.corporate_actions_revisions."action" IS 'split, dividend, special_dividend, spin_off, merger, delisting.';
COMMENT ON COLUMN raw.corporate_actions_revisions."ex_date" IS 'First session that trades without the entitlement.';
COMMENT ON COLUMN raw.corporate_actions_revisions."ratio" IS 'Split: new shares per old share (2 for 2:1).';
COMMENT ON COLUMN raw.corporate_actions_revisions."amount" IS 'Dividend per old share, in `currency`.';
COMMENT ON COLUMN raw.corporate_actions_revisions."currency" IS 'Currency of `amount`.';
COMMENT ON COLUMN raw.corporate_actions_revisions."known_at" IS 'When the public knew: announcement, else the ex-date.';
COMMENT ON COLUMN raw.corporate_actions_revisions."reference" IS 'Where the fact is published.';
COMMENT ON COLUMN raw.corporate_actions_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.corporate_actions_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.corporate_actions_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.corporate_actions_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.corporate_actions_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.shares (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "measured_on" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "shares" DOUBLE,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.shares IS 'Shares outstanding by measurement date and the date it was filed.';
COMMENT ON COLUMN raw.shares."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.shares."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.shares."measured_on" IS 'Date the count refers to.';
COMMENT ON COLUMN raw.shares."known_at" IS 'When it was filed (UTC).';
COMMENT ON COLUMN raw.shares."shares" IS 'Shares outstanding, on the basis of `measured_on`.';
COMMENT ON COLUMN raw.shares."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.shares."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.shares."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.shares."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.shares_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "measured_on" DATE NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "shares" DOUBLE,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.shares_revisions IS 'Superseded versions of raw.shares.';
COMMENT ON COLUMN raw.shares_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.shares_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.shares_revisions."measured_on" IS 'Date the count refers to.';
COMMENT ON COLUMN raw.shares_revisions."known_at" IS 'When it was filed (UTC).';
COMMENT ON COLUMN raw.shares_revisions."shares" IS 'Shares outstanding, on the basis of `measured_on`.';
COMMENT ON COLUMN raw.shares_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.shares_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.shares_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.shares_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.shares_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.market_caps (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "market_cap" DOUBLE,
  "currency" VARCHAR NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.market_caps IS 'Market capitalisation snapshots.';
COMMENT ON COLUMN raw.market_caps."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.market_caps."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.market_caps."known_at" IS 'When the snapshot was taken (UTC).';
COMMENT ON COLUMN raw.market_caps."session" IS 'Date of the snapshot in its market''s time zone.';
COMMENT ON COLUMN raw.market_caps."market_cap" IS 'Market capitalisation, units of `currency`.';
COMMENT ON COLUMN raw.market_caps."currency" IS 'Currency of `market_cap`.';
COMMENT ON COLUMN raw.market_caps."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.market_caps."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.market_caps."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.market_caps."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.market_caps_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "market_cap" DOUBLE,
  "currency" VARCHAR NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE raw.market_caps_revisions IS 'Superseded versions of raw.market_caps.';
COMMENT ON COLUMN raw.market_caps_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.market_caps_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN raw.market_caps_revisions."known_at" IS 'When the snapshot was taken (UTC).';
COMMENT ON COLUMN raw.market_caps_revisions."session" IS 'Date of the snapshot in its market''s time zone.';
COMMENT ON COLUMN raw.market_caps_revisions."market_cap" IS 'Market capitalisation, units of `currency`.';
COMMENT ON COLUMN raw.market_caps_revisions."currency" IS 'Currency of `market_cap`.';
COMMENT ON COLUMN raw.market_caps_revisions."fetched_at" IS 'When the vendor''s bytes were fetched or read (UTC).';
COMMENT ON COLUMN raw.market_caps_revisions."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.market_caps_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.market_caps_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN raw.market_caps_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS raw.rejected (
  "source_id" SMALLINT NOT NULL,
  "kind" VARCHAR NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "row_number" BIGINT NOT NULL,
  "session" DATE,
  "vendor_symbol" VARCHAR,
  "rule" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "row" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.rejected IS 'Vendor rows that could not become a raw row: unparseable, or a conflicting duplicate.';
COMMENT ON COLUMN raw.rejected."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.rejected."kind" IS 'Kind of data the row was to be.';
COMMENT ON COLUMN raw.rejected."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.rejected."row_number" IS '1-based row in the payload (file order).';
COMMENT ON COLUMN raw.rejected."session" IS 'Session, where it could be read.';
COMMENT ON COLUMN raw.rejected."vendor_symbol" IS 'Symbol, where it could be read.';
COMMENT ON COLUMN raw.rejected."rule" IS 'unparseable, missing_key, duplicate, conflicting_duplicate, outside_coverage or unreadable_file.';
COMMENT ON COLUMN raw.rejected."reason" IS 'What is wrong, naming the column and the text found.';
COMMENT ON COLUMN raw.rejected."row" IS 'The row as read, JSON.';
COMMENT ON COLUMN raw.rejected."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.rejected."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS raw.payloads (
  "source_id" SMALLINT NOT NULL,
  "kind" VARCHAR NOT NULL,
  "payload_hash" VARCHAR NOT NULL,
  "name" VARCHAR NOT NULL,
  "bytes" BIGINT NOT NULL,
  "rows" BIGINT NOT NULL,
  "fetched_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE raw.payloads IS 'Every payload a source has read: the vendor''s bytes behind the rows.';
COMMENT ON COLUMN raw.payloads."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN raw.payloads."kind" IS 'Kind of data.';
COMMENT ON COLUMN raw.payloads."payload_hash" IS 'SHA-256 of the vendor''s bytes.';
COMMENT ON COLUMN raw.payloads."name" IS 'File name or request, without secrets.';
COMMENT ON COLUMN raw.payloads."bytes" IS 'Size.';
COMMENT ON COLUMN raw.payloads."rows" IS 'Vendor rows in it: raw rows plus rejected at load.';
COMMENT ON COLUMN raw.payloads."fetched_at" IS 'When it was read first (UTC).';
COMMENT ON COLUMN raw.payloads."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN raw.payloads."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.sources (
  "source_id" SMALLINT NOT NULL,
  "name" VARCHAR NOT NULL,
  "title" VARCHAR NOT NULL,
  "asset_class" VARCHAR NOT NULL,
  "calendar" VARCHAR NOT NULL,
  "coverage_start" DATE NOT NULL,
  "coverage_end" DATE,
  "priority" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.sources IS 'The sources that have ever been loaded.';
COMMENT ON COLUMN catalog.sources."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.sources."name" IS 'Source name, as in the asset key raw/<name>/...';
COMMENT ON COLUMN catalog.sources."title" IS 'What it is.';
COMMENT ON COLUMN catalog.sources."asset_class" IS 'Asset class of its instruments.';
COMMENT ON COLUMN catalog.sources."calendar" IS 'Its trading calendar.';
COMMENT ON COLUMN catalog.sources."coverage_start" IS 'First session it declares.';
COMMENT ON COLUMN catalog.sources."coverage_end" IS 'Last session of a finished data set.';
COMMENT ON COLUMN catalog.sources."priority" IS 'Lower wins where several sources have a bar.';
COMMENT ON COLUMN catalog.sources."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.sources."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.instruments (
  "instrument_id" INTEGER NOT NULL,
  "asset_class" VARCHAR NOT NULL,
  "market" VARCHAR NOT NULL,
  "symbol" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "name" VARCHAR,
  "valid_from" DATE NOT NULL,
  "valid_to" DATE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.instruments IS 'Permanent identities. A ticker is unique only within asset class, market, quote and period.';
COMMENT ON COLUMN catalog.instruments."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.instruments."asset_class" IS 'equity, etf, fund, crypto, fx, commodity, rate, index, ...';
COMMENT ON COLUMN catalog.instruments."market" IS 'US, CRYPTO, FX, INDEX, ...';
COMMENT ON COLUMN catalog.instruments."symbol" IS 'Canonical symbol (BRK.B, BTC).';
COMMENT ON COLUMN catalog.instruments."quote" IS 'Quote currency.';
COMMENT ON COLUMN catalog.instruments."name" IS 'Long name, where a source gives it.';
COMMENT ON COLUMN catalog.instruments."valid_from" IS 'First session any source knows.';
COMMENT ON COLUMN catalog.instruments."valid_to" IS 'Last session any source knows.';
COMMENT ON COLUMN catalog.instruments."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.instruments."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.listings (
  "source_id" SMALLINT NOT NULL,
  "vendor_symbol" VARCHAR NOT NULL,
  "valid_from" DATE NOT NULL,
  "valid_to" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.listings IS 'Which vendor symbol means which instrument, and when.';
COMMENT ON COLUMN catalog.listings."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.listings."vendor_symbol" IS 'The symbol as this source writes it.';
COMMENT ON COLUMN catalog.listings."valid_from" IS 'First session of this meaning.';
COMMENT ON COLUMN catalog.listings."valid_to" IS 'Last session of this meaning seen so far.';
COMMENT ON COLUMN catalog.listings."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.listings."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.listings."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.tracked (
  "source_id" SMALLINT NOT NULL,
  "vendor_symbol" VARCHAR NOT NULL,
  "tracked_from" DATE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.tracked IS 'Listings that a source is expected to deliver.';
COMMENT ON COLUMN catalog.tracked."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.tracked."vendor_symbol" IS 'The symbol as this source writes it.';
COMMENT ON COLUMN catalog.tracked."tracked_from" IS 'First session expected.';
COMMENT ON COLUMN catalog.tracked."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.tracked."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.proposals (
  "source_id" SMALLINT NOT NULL,
  "vendor_symbol" VARCHAR NOT NULL,
  "valid_from" DATE NOT NULL,
  "problem" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "other_id" INTEGER,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.proposals IS 'Decisions about identity that a person may want to look at.';
COMMENT ON COLUMN catalog.proposals."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN catalog.proposals."vendor_symbol" IS 'The symbol as this source writes it.';
COMMENT ON COLUMN catalog.proposals."valid_from" IS 'First session of the listing.';
COMMENT ON COLUMN catalog.proposals."problem" IS 'gap, bridge or span.';
COMMENT ON COLUMN catalog.proposals."reason" IS 'What was decided, in words.';
COMMENT ON COLUMN catalog.proposals."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.proposals."other_id" IS 'The other instrument it could be.';
COMMENT ON COLUMN catalog.proposals."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.proposals."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.adjustment_factors (
  "instrument_id" INTEGER NOT NULL,
  "from_session" DATE NOT NULL,
  "to_session" DATE NOT NULL,
  "split_factor" DOUBLE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.adjustment_factors IS 'Split factors by period, rebuilt from the corporate actions; views multiply, nothing more.';
COMMENT ON COLUMN catalog.adjustment_factors."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.adjustment_factors."from_session" IS 'First session of the period (inclusive).';
COMMENT ON COLUMN catalog.adjustment_factors."to_session" IS 'Last session of the period (inclusive).';
COMMENT ON COLUMN catalog.adjustment_factors."split_factor" IS 'Multiply as-traded prices by it, divide volume by it.';
COMMENT ON COLUMN catalog.adjustment_factors."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.adjustment_factors."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS catalog.tiers (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "tier" VARCHAR NOT NULL,
  "origin" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "market_cap" DOUBLE,
  "dollar_volume" DOUBLE,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE catalog.tiers IS 'Tier of each instrument at its first session and at every month end (methodology D).';
COMMENT ON COLUMN catalog.tiers."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN catalog.tiers."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN catalog.tiers."tier" IS 'T1, T2, T3, T4 or UNCLASSIFIED; in force from the next session.';
COMMENT ON COLUMN catalog.tiers."origin" IS 'override, listed, rule or unclassified.';
COMMENT ON COLUMN catalog.tiers."reason" IS 'Why, in words.';
COMMENT ON COLUMN catalog.tiers."market_cap" IS 'Market cap used, USD.';
COMMENT ON COLUMN catalog.tiers."dollar_volume" IS '60-session median dollar volume used, USD.';
COMMENT ON COLUMN catalog.tiers."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN catalog.tiers."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS prices.validated (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE NOT NULL,
  "high" DOUBLE NOT NULL,
  "low" DOUBLE NOT NULL,
  "close" DOUBLE NOT NULL,
  "volume" DOUBLE,
  "vwap" DOUBLE,
  "trade_count" BIGINT,
  "adjustment" VARCHAR NOT NULL,
  "known_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "selected" BOOLEAN NOT NULL,
  "warnings" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE prices.validated IS 'Bars that passed every blocking rule, of every source; `selected` marks the one to use.';
COMMENT ON COLUMN prices.validated."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN prices.validated."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.validated."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN prices.validated."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.validated."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN prices.validated."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.validated."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN prices.validated."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN prices.validated."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN prices.validated."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN prices.validated."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN prices.validated."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN prices.validated."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN prices.validated."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN prices.validated."known_at" IS 'When the public could know the bar: its close (UTC).';
COMMENT ON COLUMN prices.validated."selected" IS 'True for the source of highest priority for this bar.';
COMMENT ON COLUMN prices.validated."warnings" IS 'Ids of warning rules, comma-separated.';
COMMENT ON COLUMN prices.validated."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.validated."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS prices.rejected (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE,
  "high" DOUBLE,
  "low" DOUBLE,
  "close" DOUBLE,
  "volume" DOUBLE,
  "vwap" DOUBLE,
  "trade_count" BIGINT,
  "adjustment" VARCHAR NOT NULL,
  "rules" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "rules_version" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE prices.rejected IS 'Raw bars that a blocking rule refused, with every rule and the reason.';
COMMENT ON COLUMN prices.rejected."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN prices.rejected."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.rejected."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN prices.rejected."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.rejected."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN prices.rejected."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.rejected."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN prices.rejected."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN prices.rejected."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN prices.rejected."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN prices.rejected."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN prices.rejected."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN prices.rejected."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN prices.rejected."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN prices.rejected."rules" IS 'Ids of all failed blocking rules, comma-separated.';
COMMENT ON COLUMN prices.rejected."reason" IS 'What is wrong, with the values.';
COMMENT ON COLUMN prices.rejected."rules_version" IS 'Version of the rule list.';
COMMENT ON COLUMN prices.rejected."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.rejected."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS prices.rejected_revisions (
  "source_id" SMALLINT NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "interval" VARCHAR NOT NULL,
  "quote" VARCHAR NOT NULL,
  "bar_open_at" TIMESTAMP WITH TIME ZONE NOT NULL,
  "session" DATE NOT NULL,
  "open" DOUBLE,
  "high" DOUBLE,
  "low" DOUBLE,
  "close" DOUBLE,
  "volume" DOUBLE,
  "vwap" DOUBLE,
  "trade_count" BIGINT,
  "adjustment" VARCHAR NOT NULL,
  "rules" VARCHAR NOT NULL,
  "reason" VARCHAR NOT NULL,
  "rules_version" INTEGER NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL,
  "recorded_to" TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE prices.rejected_revisions IS 'Superseded versions of prices.rejected.';
COMMENT ON COLUMN prices.rejected_revisions."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN prices.rejected_revisions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN prices.rejected_revisions."interval" IS 'Bar length: 1m 5m 15m 30m 1h 4h 12h 1d.';
COMMENT ON COLUMN prices.rejected_revisions."quote" IS 'Quote currency.';
COMMENT ON COLUMN prices.rejected_revisions."bar_open_at" IS 'Start of the bar; a 1d bar''s is 00:00 UTC of its session.';
COMMENT ON COLUMN prices.rejected_revisions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN prices.rejected_revisions."open" IS 'Opening price, quote currency, on the basis of `adjustment`.';
COMMENT ON COLUMN prices.rejected_revisions."high" IS 'Highest price, quote currency.';
COMMENT ON COLUMN prices.rejected_revisions."low" IS 'Lowest price, quote currency.';
COMMENT ON COLUMN prices.rejected_revisions."close" IS 'Closing price, quote currency.';
COMMENT ON COLUMN prices.rejected_revisions."volume" IS 'Units traded (may be fractional); NULL where unknown.';
COMMENT ON COLUMN prices.rejected_revisions."vwap" IS 'Volume-weighted average price, where the vendor gives it.';
COMMENT ON COLUMN prices.rejected_revisions."trade_count" IS 'Number of trades, where the vendor gives it.';
COMMENT ON COLUMN prices.rejected_revisions."adjustment" IS 'Basis of the prices: none (as traded), split, split_div.';
COMMENT ON COLUMN prices.rejected_revisions."rules" IS 'Ids of all failed blocking rules, comma-separated.';
COMMENT ON COLUMN prices.rejected_revisions."reason" IS 'What is wrong, with the values.';
COMMENT ON COLUMN prices.rejected_revisions."rules_version" IS 'Version of the rule list.';
COMMENT ON COLUMN prices.rejected_revisions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN prices.rejected_revisions."run_id" IS 'Dagster run that wrote this version.';
COMMENT ON COLUMN prices.rejected_revisions."recorded_to" IS 'When this version was superseded (UTC).';

CREATE TABLE IF NOT EXISTS indices.compositions (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "rank" INTEGER NOT NULL,
  "measure" DOUBLE NOT NULL,
  "target_weight" DOUBLE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.compositions IS 'Constituents chosen at the close of `session`; they earn the return of the next session.';
COMMENT ON COLUMN indices.compositions."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.compositions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.compositions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN indices.compositions."rank" IS '1 = largest by `measure`.';
COMMENT ON COLUMN indices.compositions."measure" IS 'Market cap or median dollar volume, USD, known at the close.';
COMMENT ON COLUMN indices.compositions."target_weight" IS 'Weight at the close of `session`, decimal.';
COMMENT ON COLUMN indices.compositions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.compositions."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS indices.performance (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "return_basis" VARCHAR NOT NULL,
  "state" VARCHAR NOT NULL,
  "session_return" DOUBLE,
  "n_constituents" INTEGER NOT NULL,
  "n_target" INTEGER NOT NULL,
  "turnover" DOUBLE,
  "provisional" BOOLEAN NOT NULL,
  "note" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.performance IS 'Return of each session, earned by the composition of the session before.';
COMMENT ON COLUMN indices.performance."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.performance."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.performance."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN indices.performance."state" IS 'ok, base, no_caps, stale_caps, no_history or no_return.';
COMMENT ON COLUMN indices.performance."session_return" IS 'Return from the previous session''s close.';
COMMENT ON COLUMN indices.performance."n_constituents" IS 'Constituents chosen at this close.';
COMMENT ON COLUMN indices.performance."n_target" IS 'N of the definition.';
COMMENT ON COLUMN indices.performance."turnover" IS 'One-way turnover of rebalancing at this close.';
COMMENT ON COLUMN indices.performance."provisional" IS 'True where one of our prices is missing; rebuilt later.';
COMMENT ON COLUMN indices.performance."note" IS 'What is missing or flagged.';
COMMENT ON COLUMN indices.performance."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.performance."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS indices.levels (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "return_basis" VARCHAR NOT NULL,
  "level" DOUBLE NOT NULL,
  "drawdown" DOUBLE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.levels IS 'Index level: base level times the product of (1 + session_return), recomputed whole.';
COMMENT ON COLUMN indices.levels."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.levels."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.levels."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN indices.levels."level" IS 'Index level.';
COMMENT ON COLUMN indices.levels."drawdown" IS 'level / highest level so far - 1 (<= 0).';
COMMENT ON COLUMN indices.levels."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.levels."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS indices.composition_changes (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "change" VARCHAR NOT NULL,
  "rank_before" INTEGER,
  "rank_after" INTEGER,
  "weight_before" DOUBLE NOT NULL,
  "weight_after" DOUBLE NOT NULL,
  "reason" VARCHAR NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.composition_changes IS 'Names that entered or left at the close of `session`.';
COMMENT ON COLUMN indices.composition_changes."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.composition_changes."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.composition_changes."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN indices.composition_changes."change" IS 'added or removed.';
COMMENT ON COLUMN indices.composition_changes."rank_before" IS 'Rank at the previous close.';
COMMENT ON COLUMN indices.composition_changes."rank_after" IS 'Rank at this close.';
COMMENT ON COLUMN indices.composition_changes."weight_before" IS 'Drifted weight at this close; 0 if added.';
COMMENT ON COLUMN indices.composition_changes."weight_after" IS 'Target weight at this close; 0 if removed.';
COMMENT ON COLUMN indices.composition_changes."reason" IS 'rank, no_price or not_eligible.';
COMMENT ON COLUMN indices.composition_changes."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.composition_changes."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS indices.contributions (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "return_basis" VARCHAR NOT NULL,
  "start_weight" DOUBLE NOT NULL,
  "instrument_return" DOUBLE NOT NULL,
  "contribution" DOUBLE NOT NULL,
  "drifted_weight" DOUBLE NOT NULL,
  "stale" BOOLEAN NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.contributions IS 'What each constituent of the session before did to this session''s index return.';
COMMENT ON COLUMN indices.contributions."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.contributions."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.contributions."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN indices.contributions."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN indices.contributions."start_weight" IS 'Target weight at the previous close.';
COMMENT ON COLUMN indices.contributions."instrument_return" IS 'Return of the instrument.';
COMMENT ON COLUMN indices.contributions."contribution" IS 'start_weight * instrument_return.';
COMMENT ON COLUMN indices.contributions."drifted_weight" IS 'Weight at this close before rebalancing.';
COMMENT ON COLUMN indices.contributions."stale" IS 'True: no bar this session, price carried.';
COMMENT ON COLUMN indices.contributions."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.contributions."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS indices.unpriced (
  "index_name" VARCHAR NOT NULL,
  "session" DATE NOT NULL,
  "instrument_id" INTEGER NOT NULL,
  "rank" INTEGER NOT NULL,
  "measure" DOUBLE NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE indices.unpriced IS 'Names that rank among the first N by market cap but have no usable price here.';
COMMENT ON COLUMN indices.unpriced."index_name" IS 'Index, named by its YAML definition.';
COMMENT ON COLUMN indices.unpriced."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN indices.unpriced."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN indices.unpriced."rank" IS 'Rank among all names, priced or not.';
COMMENT ON COLUMN indices.unpriced."measure" IS 'Market cap of the latest known snapshot, USD.';
COMMENT ON COLUMN indices.unpriced."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN indices.unpriced."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS funds.metrics (
  "instrument_id" INTEGER NOT NULL,
  "session" DATE NOT NULL,
  "frame" VARCHAR NOT NULL,
  "return_basis" VARCHAR NOT NULL,
  "base_session" DATE,
  "n_returns" INTEGER NOT NULL,
  "total_return" DOUBLE,
  "annualized_return" DOUBLE,
  "volatility" DOUBLE,
  "sharpe" DOUBLE,
  "sortino" DOUBLE,
  "max_drawdown" DOUBLE,
  "risk_free_rate" DOUBLE NOT NULL,
  "reason" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE funds.metrics IS 'Performance and risk of every instrument by time frame (methodology B).';
COMMENT ON COLUMN funds.metrics."instrument_id" IS 'Permanent instrument, see catalog.instruments.';
COMMENT ON COLUMN funds.metrics."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN funds.metrics."frame" IS '1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL.';
COMMENT ON COLUMN funds.metrics."return_basis" IS 'price, gross_total or net_total.';
COMMENT ON COLUMN funds.metrics."base_session" IS 'Session of the base price.';
COMMENT ON COLUMN funds.metrics."n_returns" IS 'Returns in the frame.';
COMMENT ON COLUMN funds.metrics."total_return" IS 'Decimal.';
COMMENT ON COLUMN funds.metrics."annualized_return" IS 'Decimal; only for frames of a year or more.';
COMMENT ON COLUMN funds.metrics."volatility" IS 'Annualised standard deviation (ddof 1), decimal.';
COMMENT ON COLUMN funds.metrics."sharpe" IS 'Annualised Sharpe ratio.';
COMMENT ON COLUMN funds.metrics."sortino" IS 'Annualised Sortino ratio, target 0.';
COMMENT ON COLUMN funds.metrics."max_drawdown" IS 'Deepest fall from a peak, decimal (<= 0).';
COMMENT ON COLUMN funds.metrics."risk_free_rate" IS 'Annual risk-free rate used, decimal.';
COMMENT ON COLUMN funds.metrics."reason" IS 'Why values are NULL.';
COMMENT ON COLUMN funds.metrics."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN funds.metrics."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.gates (
  "source_id" SMALLINT NOT NULL,
  "session" DATE NOT NULL,
  "rows_raw" BIGINT NOT NULL,
  "rows_rejected" BIGINT NOT NULL,
  "rows_validated" BIGINT NOT NULL,
  "held" BOOLEAN NOT NULL,
  "reason" VARCHAR,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE ops.gates IS 'Per source and session: what came, what was rejected, and whether the session is held.';
COMMENT ON COLUMN ops.gates."source_id" IS 'Source, see catalog.sources.';
COMMENT ON COLUMN ops.gates."session" IS 'Session (naive date in the instrument''s calendar).';
COMMENT ON COLUMN ops.gates."rows_raw" IS 'Raw bars of the session.';
COMMENT ON COLUMN ops.gates."rows_rejected" IS 'Of these, refused by a blocking rule.';
COMMENT ON COLUMN ops.gates."rows_validated" IS 'Of these, in prices.validated (0 when held).';
COMMENT ON COLUMN ops.gates."held" IS 'True: too many rejected; none of the session is in validated.';
COMMENT ON COLUMN ops.gates."reason" IS 'Why it is held.';
COMMENT ON COLUMN ops.gates."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.gates."run_id" IS 'Dagster run that wrote this version.';

CREATE TABLE IF NOT EXISTS ops.loads (
  "load_id" VARCHAR NOT NULL,
  "asset" VARCHAR NOT NULL,
  "table_name" VARCHAR NOT NULL,
  "from_session" DATE,
  "to_session" DATE,
  "rows_in" BIGINT NOT NULL,
  "rows_inserted" BIGINT NOT NULL,
  "rows_updated" BIGINT NOT NULL,
  "rows_unchanged" BIGINT NOT NULL,
  "rows_removed" BIGINT NOT NULL,
  "rows_rejected" BIGINT NOT NULL,
  "recorded_from" TIMESTAMP WITH TIME ZONE NOT NULL,
  "run_id" VARCHAR NOT NULL
);
COMMENT ON TABLE ops.loads IS 'One row per write: asset, range, and what the write did.';
COMMENT ON COLUMN ops.loads."load_id" IS 'Run id, asset and range.';
COMMENT ON COLUMN ops.loads."asset" IS 'Asset key.';
COMMENT ON COLUMN ops.loads."table_name" IS 'Table written.';
COMMENT ON COLUMN ops.loads."from_session" IS 'First session of the slice.';
COMMENT ON COLUMN ops.loads."to_session" IS 'Last session of the slice.';
COMMENT ON COLUMN ops.loads."rows_in" IS 'Rows the asset delivered (for raw: vendor rows read).';
COMMENT ON COLUMN ops.loads."rows_inserted" IS 'New rows.';
COMMENT ON COLUMN ops.loads."rows_updated" IS 'Rows whose values changed.';
COMMENT ON COLUMN ops.loads."rows_unchanged" IS 'Rows equal to what was stored.';
COMMENT ON COLUMN ops.loads."rows_removed" IS 'Rows that a derived slice no longer has.';
COMMENT ON COLUMN ops.loads."rows_rejected" IS 'Rows refused at load.';
COMMENT ON COLUMN ops.loads."recorded_from" IS 'When this version entered the warehouse (UTC).';
COMMENT ON COLUMN ops.loads."run_id" IS 'Dagster run that wrote this version.';
