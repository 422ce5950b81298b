"""`explain`: what it shows of a worked example, and that a wrong sum or hash is seen."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.explain import Explanation, explain_index, explain_metric
from fundplatform.explain_cli import show
from fundplatform.settings import Settings
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.profile import Reply
from fundplatform.storage.base import WHOLE, Slice, Stamp, Store
from fundplatform_tests.storage.marts import DATABASES, bar, chosen, filled, rows

# Methodology A5: at the close of D1 A and C are chosen; on D2 they earn 0 % and -5 %.
D1, D2 = date(2024, 1, 3), date(2024, 1, 4)
BODY = b"date,close\n2024-01-04,102\n"
HASH = hashlib.sha256(BODY).hexdigest()
NOW = datetime(2024, 1, 5, tzinfo=UTC)
SYMBOLS = {1: "A", 2: "C"}
CLOSES = {(1, D1): 102.0, (1, D2): 102.0, (2, D1): 24.0, (2, D2): 22.8}
KEY = {"index_name": "us_top_100_equal"}
CONTENT = [
    rows(tables.SOURCES, {"source_id": 1, "name": "files", "calendar": "XNYS"}),
    rows(
        tables.INSTRUMENTS,
        *({"instrument_id": i, "symbol": s, "quote": "USD"} for i, s in SYMBOLS.items()),
    ),
    rows(
        tables.OHLCV,
        *(
            bar(d, c, instrument_id=i, payload_hash=HASH if d == D2 else "gone")
            for (i, d), c in CLOSES.items()
        ),
    ),
    rows(tables.VALIDATED, *(chosen(d, c, instrument_id=i) for (i, d), c in CLOSES.items())),
    rows(
        tables.PAYLOADS,
        {"kind": "ohlcv", "payload_hash": HASH, "name": "day.csv", "bytes": len(BODY)},
        {"kind": "ohlcv", "payload_hash": "gone", "name": "old.csv", "bytes": 3},
    ),
    rows(
        tables.PERFORMANCE,
        {**KEY, "session": D1, "return_basis": "price", "state": "ok", "session_return": 0.0},
        {**KEY, "session": D2, "return_basis": "price", "state": "ok", "session_return": -0.025},
    ),
    rows(
        tables.LEVELS,
        {**KEY, "session": D1, "return_basis": "price", "level": 1000.0},
        {**KEY, "session": D2, "return_basis": "price", "level": 975.0},
    ),
    rows(
        tables.CONTRIBUTIONS,
        *(
            {
                **KEY, "session": D2, "instrument_id": i, "return_basis": "price",
                "start_weight": 0.5, "instrument_return": r, "contribution": r / 2,
            }
            for i, r in ((1, 0.0), (2, -0.05))
        ),
    ),
    rows(
        tables.ACTIONS,
        {"instrument_id": 1, "action": "dividend", "ex_date": D2, "amount": 1.0},
    ),
    rows(
        tables.METRICS,
        {"instrument_id": 1, "session": D2, "frame": "1M", "return_basis": "price",
         "base_session": D1, "total_return": 0.0},
    ),
]  # fmt: skip


@pytest.fixture(params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "explained", CONTENT) as made:
        yield made


def archived(settings: Settings, body: bytes = BODY) -> Path:
    """The body under the hash that it should have."""
    bodies = Bodies(settings.payloads / "archive" / "bodies")
    bodies.put(Reply("https://x.example", 200, {}, BODY, HASH, NOW))
    path = bodies.folder / HASH[:2] / f"{HASH}.zst"
    if body != BODY:
        import pyarrow as pa

        path.write_bytes(pa.compress(body, codec="zstd", asbytes=True))
    return path


def section(found: Explanation, title: str) -> pl.DataFrame | list[str]:
    return dict(found.sections)[title]  # type: ignore[return-value]


def lines(found: Explanation, title: str) -> str:
    return "\n".join(section(found, title))


def test_an_index_session_and_its_sums(store: Store, settings: Settings) -> None:
    archived(settings)
    found = explain_index(store, settings, "us_top_100_equal", D2)
    held = section(found, "Earned by what was held since the close before")
    assert isinstance(held, pl.DataFrame)
    assert held.select("symbol", "start_weight", "close_before", "close", "source").rows() == [
        ("A", 0.5, 102.0, 102.0, "files"),
        ("C", 0.5, 24.0, 22.8, "files"),
    ]
    actions = section(found, "Corporate actions")
    assert isinstance(actions, pl.DataFrame)
    assert actions.select("action", "amount").rows() == [("dividend", 1.0)]
    assert "SHA-256 verified in the payload archive" in lines(found, "Payloads")
    assert "old.csv: its bytes are not kept here" in lines(found, "Payloads")
    assert "weighting: equal" in lines(found, "Rules and code")
    assert "index method" in lines(found, "Rules and code")
    assert "1000.0 x (1 + -0.025) = 975.0" in lines(found, "Computed again")
    assert found.holds


def test_a_changed_byte_a_wrong_sum_and_an_unknown_payload_are_seen(
    store: Store, settings: Settings
) -> None:
    archived(settings, BODY.replace(b"102", b"103"))
    found = explain_index(store, settings, "us_top_100_equal", D2)
    assert not found.holds
    assert "WRONG files ohlcv" in lines(found, "Payloads")
    archived(settings).unlink()
    with store.transaction(Stamp("r2", NOW)) as writer:
        table, frame = next(c for c in CONTENT if c[0] is tables.CONTRIBUTIONS)
        writer.write(table, frame.with_columns(contribution=pl.lit(-0.02)), WHOLE)
        _, level = next(c for c in CONTENT if c[0] is tables.LEVELS)
        writer.write(tables.LEVELS, level.with_columns(level=pl.lit(990.0)), WHOLE)
        bars = next(c for c in CONTENT if c[0] is tables.OHLCV)[1]
        writer.write(
            tables.OHLCV, bars.with_columns(payload_hash=pl.lit("new"), close=1.0), Slice()
        )
    store.publish()
    found = explain_index(store, settings, "us_top_100_equal", D2)
    again = lines(found, "Computed again")
    assert "WRONG sum of contributions: -0.04" in again
    assert "WRONG level" in again
    assert "it is not in raw.payloads" in lines(found, "Payloads")


def test_a_metric_and_what_is_not_stored(store: Store, settings: Settings) -> None:
    found = explain_metric(store, settings, "A", D2, "1M")
    assert [title for title, _ in found.sections][:3] == [
        "Metric", "First and last prices", "Prices by source",
    ]  # fmt: skip
    assert "metrics method" in lines(found, "Code")
    assert "index method" not in lines(found, "Code")
    assert found.holds
    with pytest.raises(WarehouseError, match="it has 2024-01-03 to 2024-01-04"):
        explain_index(store, settings, "us_top_100_equal", date(2030, 1, 1))
    with pytest.raises(WarehouseError, match="no such index"):
        explain_index(store, settings, "nothing", D2)
    with pytest.raises(WarehouseError, match="frames are 1M"):
        explain_metric(store, settings, "A", D2, "2M")


def test_few_broad_rows_stand_upright(capsys: pytest.CaptureFixture[str]) -> None:
    """Fourteen columns beside each other would cut every number off."""
    found = Explanation()
    broad = {"basis": ["gross_total", "price"], **{f"c{n}": [n / 3, n / 7] for n in range(1, 14)}}
    found.add("Metric", pl.DataFrame(broad))
    show(found, 0)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["column", "value", "1", "value", "2"] in told
    assert ["basis", "gross_total", "price"] in told
    assert ["c1", "0.3333333333", "0.1428571429"] in told


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from click.exceptions import Exit

    found = Explanation()
    found.add("Prices", pl.DataFrame({"symbol": ["A", "B"], "close": [1 / 3, 2.0]}))
    found.add("Empty", [])
    found.add("Checked", [found.check("sum", True, "1")])
    show(found, 1)
    told = capsys.readouterr().out
    assert "Prices (1 more)" in told
    assert "0.3333333333" in told
    assert "Empty" not in told
    assert "ok    sum: 1" in told
    found.check("sum", False, "2")
    with pytest.raises(Exit):
        show(found, 0)
