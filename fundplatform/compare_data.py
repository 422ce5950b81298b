"""What a comparison of funds needs from the warehouse: who is meant, and their series and facts.

In: a published state and two to ten tickers. Out: `compare.Inputs`. Nothing is computed
here beyond choosing the newest of what is stored.
"""

from collections.abc import Sequence

import polars as pl

from fundplatform.compare import MOST, Inputs
from fundplatform.errors import ConfigError
from fundplatform.finance import positions
from fundplatform.storage.base import Reader
from fundplatform.symbols import suggestion

BASES = ("gross_total", "net_total", "price")
# A merged identity has no prices of its own any more.
_INSTRUMENTS = """
SELECT instrument_id, symbol, name, asset_class, quote, valid_from, valid_to
FROM catalog.instruments WHERE asset_class <> 'merged'
"""
_SERIES = """
SELECT p.instrument_id, p.session, p.total_return_close AS value, p.basis
FROM marts.total_return AS p
JOIN catalog.instruments AS i ON i.instrument_id = p.instrument_id AND i.quote = p.quote
WHERE p.instrument_id IN ({ids})
UNION ALL
SELECT i.instrument_id, l.session, l.level, l.return_basis
FROM indices.levels AS l
JOIN catalog.instruments AS i ON i.symbol = l.index_name AND i.asset_class = 'index'
WHERE i.instrument_id IN ({ids})
"""
_COMMON = """
SELECT DISTINCT instrument_id, session, return_basis FROM funds.metrics
WHERE instrument_id IN ({ids}) AND session = (
  SELECT max(session) FROM (
    SELECT session FROM funds.metrics WHERE instrument_id IN ({ids})
    GROUP BY session HAVING count(DISTINCT instrument_id) = ?) AS common)
"""
_METRICS = """
SELECT m.instrument_id, m.return_basis, m.frame, m.base_session, m.total_return,
       m.annualized_return, m.volatility, m.sharpe, m.sortino, m.max_drawdown, r.calmar, r.beta,
       m.reason
FROM funds.metrics AS m
LEFT JOIN funds.risk AS r ON r.instrument_id = m.instrument_id AND r.session = m.session
  AND r.frame = m.frame AND r.return_basis = m.return_basis
WHERE m.instrument_id IN ({ids}) AND m.session = ?
"""
# What is stored there is trusted: a fee in percent where a fraction belongs is not. One that is
# filed for a later day is not yet paid, as in marts.fund_facts.
_RATIOS = """
SELECT instrument_id, expense_ratio, valid_from, known_at
FROM catalog.fund_facts
WHERE instrument_id IN ({ids}) AND expense_ratio IS NOT NULL AND superseded_at IS NULL
  AND valid_from <= CURRENT_DATE
"""
_HOLDINGS = """
SELECT instrument_id, source_id, as_of, known_at, security, name, weight
FROM catalog.holdings WHERE instrument_id IN ({ids}) AND weight IS NOT NULL
"""
_PRIORITIES = "SELECT source_id, priority FROM catalog.sources"
_EXPOSURES = """
SELECT instrument_id, as_of, kind, name, weight, through
FROM marts.fund_exposures WHERE instrument_id IN ({ids}) AND is_latest
"""


def load(store: Reader, tickers: Sequence[str]) -> Inputs:
    """Everything stored about these funds that a comparison shows.

    Raises:
        ConfigError: One fund, more than `MOST`, one twice, an unknown or an ambiguous ticker.
    """
    return read(store, resolved(instruments(store), tickers))


def instruments(store: Reader) -> pl.DataFrame:
    """What a ticker can mean."""
    return store.query(_INSTRUMENTS)


def read(store: Reader, funds: pl.DataFrame) -> Inputs:
    """Everything stored about the funds of `resolved`, one or more."""
    ids = ", ".join(str(i) for i in funds["instrument_id"])
    names = funds.select("instrument_id", "fund")

    def ask(sql: str, *given: object) -> pl.DataFrame:
        return store.query(sql.format(ids=ids), given).join(names, on="instrument_id")

    common = ask(_COMMON, funds.height)
    session = common["session"][0] if common.height else None
    metrics = pl.DataFrame()
    if session:
        metrics = ask(_METRICS, session).join(_bases(common), on=["fund", "return_basis"])
    ratios = ask(_RATIOS).sort("valid_from", "known_at").group_by("fund").last()
    return Inputs(
        funds,
        _one_basis(ask(_SERIES)),
        metrics,
        session,
        ratios.select("fund", "expense_ratio", known_on=_day("known_at")),
        _newest(ask(_HOLDINGS), store.query(_PRIORITIES)),
        ask(_EXPOSURES).select("fund", "as_of", "kind", "name", "weight", "through"),
    )


def resolved(instruments: pl.DataFrame, tickers: Sequence[str]) -> pl.DataFrame:
    """instrument_id, fund (as asked), name, asset_class and quote of each ticker, in this order.

    A ticker is a symbol, `CLASS:SYMBOL`, or `#` and an instrument's number.

    Raises:
        ConfigError: As `load`.
    """
    if not 2 <= len(tickers) <= MOST:
        raise ConfigError(
            "compare", None, f"{len(tickers)} funds were named", f"Name 2 to {MOST}: SPY EFA"
        )
    rows = [meant(instruments, ticker) for ticker in tickers]
    ids = [row["instrument_id"] for row in rows]
    for n, own in enumerate(ids):
        if own in ids[:n]:
            raise ConfigError("compare", tickers[n], "it is named twice", "Name each fund once")
    schema = {**instruments.schema, "fund": pl.String()}
    return pl.DataFrame(rows, schema=schema)


def meant(instruments: pl.DataFrame, ticker: str, where: str = "compare") -> dict[str, object]:
    """The instrument that a ticker means, `fund` being its name; see `resolved`.

    Raises:
        ConfigError: Unknown or ambiguous; `where` says who asked.
    """
    asset_class, _, symbol = ticker.rpartition(":")
    if ticker.startswith("#"):
        found = instruments.filter(pl.col("instrument_id").cast(pl.String) == ticker[1:])
    else:
        found = instruments.filter(pl.col("symbol").str.to_uppercase() == symbol.upper())
    if asset_class:
        found = found.filter(pl.col("asset_class") == asset_class.lower())
    if found.is_empty():
        hint = suggestion(symbol, instruments["symbol"].unique().to_list())
        raise ConfigError(where, ticker, "no such instrument", hint)
    if found.height > 1:
        forms = found.select("asset_class", "symbol", "instrument_id", "valid_from", "valid_to")
        each = [f"#{i} ({a}:{s}, {b} to {e})" for a, s, i, b, e in sorted(forms.iter_rows())]
        hint = "Name one of these"
        if forms.select("asset_class", "symbol").n_unique() == 1:
            hint += "; if they are one, make them one: fundplatform identity review"
        raise ConfigError(where, ticker, f"it is ambiguous: {'; '.join(each)}", hint)
    return {**found.row(0, named=True), "fund": ticker.upper() if not asset_class else ticker}


def _day(instant: str) -> pl.Expr:
    return pl.col(instant).dt.convert_time_zone("UTC").dt.date()


def _bases(common: pl.DataFrame) -> pl.DataFrame:
    """fund, return_basis: the best one that all of them have; else the best that each has."""
    for basis in BASES:
        of = common.filter(return_basis=basis)
        if of["fund"].n_unique() == common["fund"].n_unique():
            return of.select("fund", "return_basis")
    places = pl.col("return_basis").replace_strict(dict(zip(BASES, range(3), strict=True)))
    return (
        common.sort(places)
        .group_by("fund", maintain_order=True)
        .first()
        .select("fund", "return_basis")
    )


def _one_basis(series: pl.DataFrame) -> pl.DataFrame:
    """Each fund's newest run of sessions on one basis: a return never mixes two.

    An index has every session on each basis, of which the total return is taken.
    """
    doubled = series.group_by("fund", "session").len().filter(pl.col("len") > 1)["fund"].unique()
    best = pl.col("basis").replace_strict(dict(zip(BASES, range(3), strict=True)), default=0)
    series = series.filter(
        ~pl.col("fund").is_in(doubled.to_list()) | (best == best.min().over("fund"))
    ).sort("fund", "session")
    newest = pl.col("basis").last().over("fund")
    run = (pl.col("basis") != newest).cum_sum(reverse=True).over("fund") == 0
    return series.filter(run).select("fund", "session", "value", "basis")


def _newest(held: pl.DataFrame, priorities: pl.DataFrame) -> pl.DataFrame:
    """The newest report of each fund: fund, as_of, holding, name, weight."""
    last = positions.newest(held, priorities)
    newest = held.join(last, on=list(positions.REPORT), how="semi")
    return newest.rename({"security": "holding"}).select(
        "fund", "as_of", "holding", "name", "weight"
    )
