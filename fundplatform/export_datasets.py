"""What can be exported: the datasets, their fields, and where in the warehouse they stand.

Declarations only. The SQL says names and joins, nothing is computed; `export.py` asks with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fundplatform import tables


@dataclass(frozen=True)
class Dataset:
    """Something that can be exported.

    Attributes:
        what: In a sentence, with its units.
        source: What follows FROM; its columns are read by the fields' expressions.
        fields: Name to SQL expression, in order.
        order: Expressions that make the order of rows within a session unique.
        session: Expression of the day that --from and --to mean.
        name: Expression of what NAME means.
        basis: Expression of the basis, or text where it is always the same.
    """

    what: str
    source: str
    fields: Mapping[str, str]
    order: str
    session: str
    name: str
    basis: str


def _same(alias: str, names: str) -> dict[str, str]:
    return {n: f'{alias}."{n}"' for n in names.split()}


def _values(table: tables.Table, alias: str, but: Sequence[str] = ()) -> dict[str, str]:
    return _same(alias, " ".join(n for n in table.values if n not in but))


DATASETS: dict[str, Dataset] = {
    "prices": Dataset(
        "Selected bars as of the newest one; volume is on the basis of the prices.",
        "marts.adjusted_prices AS p",
        _same(
            "p",
            "session symbol instrument_id asset_class interval quote bar_open_at open high low "
            "close volume close_as_delivered split_factor basis",
        ),
        'p.symbol, p.instrument_id, p."interval", p.quote, p.bar_open_at',
        "p.session",
        "p.symbol",
        "p.basis",
    ),
    "composition": Dataset(
        "Constituents chosen at the close of the session; weights are decimals.",
        "marts.index_composition AS c",
        _same("c", "index_name session rank symbol instrument_id name asset_class measure")
        | _same("c", "target_weight"),
        'c.index_name, c."rank", c.instrument_id',
        "c.session",
        "c.index_name",
        "'chosen at the close, earning the return of the next session'",
    ),
    "changes": Dataset(
        "Names that entered or left at the close of the session; weights are decimals.",
        "marts.index_changes AS c",
        _same("c", "index_name session symbol instrument_id name change rank_before rank_after")
        | _same("c", "weight_before weight_after reason"),
        "c.index_name, c.instrument_id",
        "c.session",
        "c.index_name",
        "'decided at the close'",
    ),
    "performance": Dataset(
        "Index levels and returns (decimals); the level is NULL where the state has none.",
        "marts.index_levels AS p",
        _same("p", "index_name session return_basis level drawdown session_return state")
        | _same("p", "n_constituents n_target turnover provisional note"),
        "p.index_name, p.return_basis",
        "p.session",
        "p.index_name",
        "p.return_basis",
    ),
    "metrics": Dataset(
        "Performance and risk by time frame, decimals; reason says why a value is NULL.",
        "funds.metrics AS m JOIN catalog.instruments AS i ON i.instrument_id = m.instrument_id "
        "LEFT JOIN funds.risk AS r ON r.instrument_id = m.instrument_id AND r.session = m.session "
        "AND r.frame = m.frame AND r.return_basis = m.return_basis",
        {"symbol": "i.symbol", "instrument_id": "m.instrument_id"}
        | _same("i", "name asset_class")
        | _same("m", "session frame return_basis")
        | _values(tables.METRICS, "m")
        | _values(tables.RISK, "r", but=("reason",)),
        "i.symbol, m.instrument_id, m.frame, m.return_basis",
        "m.session",
        "i.symbol",
        "m.return_basis",
    ),
    "holdings": Dataset(
        "Positions by the day they were held; weight is the share of net assets, decimal.",
        "catalog.holdings AS h JOIN catalog.instruments AS i ON i.instrument_id = h.instrument_id "
        "JOIN catalog.sources AS s ON s.source_id = h.source_id",
        {"fund": "i.symbol", "instrument_id": "h.instrument_id", "source": "s.name"}
        | _same("h", "as_of known_at line")
        | _values(tables.POSITIONS, "h"),
        "i.symbol, h.instrument_id, h.source_id, h.known_at, h.line",
        "h.as_of",
        "i.symbol",
        "'as reported by the source'",
    ),
}
