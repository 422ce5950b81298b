"""`explain`: what it shows of a worked example, and that a wrong sum or hash is seen."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import ConfigError
from fundplatform.explain import Explanation, explain_index
from fundplatform.explain_metric import explain_metric
from fundplatform.settings import Settings
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.profile import Reply
from fundplatform.storage.base import WHOLE, Slice, Stamp, Store
from fundplatform_tests.storage.marts import DATABASES, bar, chosen, filled, rows

# Methodology A5: at the close of D1 A and C are chosen; on D2 they earn 0 % and -5 %.
D1, D2 = date(2024, 1, 3), date(2024, 1, 4)
BODY = b"date,close\n2024-01-04,102\n"
HASH = hashlib.sha256(BODY).hexdigest()
LATER, EARLIER = BODY.replace(b"102", b"103"), BODY.replace(b"102", b"101")
NOW = datetime(2024, 1, 5, tzinfo=UTC)
COUNTED = datetime(2023, 12, 2, tzinfo=UTC)
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
        {"kind": "ohlcv", "payload_hash": hashlib.sha256(LATER).hexdigest(), "name": "day.csv",
         "fetched_at": NOW},
        {"kind": "ohlcv", "payload_hash": hashlib.sha256(EARLIER).hexdigest(), "name": "day.csv",
         "fetched_at": COUNTED},
    ),
    rows(
        tables.PERFORMANCE,
        {**KEY, "session": D1, "return_basis": "price", "state": "ok", "session_return": 0.0},
        {**KEY, "session": D2, "return_basis": "price", "state": "ok", "session_return": -0.025},
    ),
    rows(
        tables.LEVELS,
        {**KEY, "session": D1, "return_basis": "price", "level": 1000.0, "drawdown": 0.0},
        {**KEY, "session": D2, "return_basis": "price", "level": 975.0, "drawdown": -0.025},
    ),
    rows(
        tables.COMPOSITIONS,
        *(
            {**KEY, "session": D1, "instrument_id": i, "rank": i, "target_weight": 0.5}
            for i in SYMBOLS
        ),
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
    assert "? " in next(t for t in section(found, "Payloads") if "old.csv" in t)
    assert "universe.securities: us_common" in lines(found, "Rules and code")
    assert "index method" in lines(found, "Rules and code")
    assert lines(found, "Computed again").splitlines() == [
        "ok    closes: 4 of 4 are as they were loaded",
        "ok    sum of weights: 1.0",
        "ok    weights: 2 of 2 are the target weight at the close before",
        "ok    returns of the names: 2 of 2 are close / close before - 1",
        "ok    contributions: 2 of 2 are weight x return",
        "ok    sum of contributions, price: -0.025",
        "ok    level, price: 1000.0 x (1 + -0.025) = 975.0",
        "ok    drawdown, price: 975.0 / 1000.0 - 1 = -0.025000000000000022",
    ]
    assert lines(found, "Session").splitlines()[0] == f"us_top_100_equal on {D2}: ok"
    assert "chosen by what was known until 2024-01-05 01:00 UTC" in lines(found, "Session")
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
        wrong = {"contribution": pl.lit(-0.02), "instrument_return": pl.lit(0.01)}
        writer.write(table, frame.with_columns(**wrong), WHOLE)
        _, level = next(c for c in CONTENT if c[0] is tables.LEVELS)
        writer.write(tables.LEVELS, level.with_columns(level=pl.lit(990.0)), WHOLE)
        bars = next(c for c in CONTENT if c[0] is tables.OHLCV)[1]
        writer.write(
            tables.OHLCV, bars.with_columns(payload_hash=pl.lit("new"), close=1.0), Slice()
        )
    store.publish()
    found = explain_index(store, settings, "us_top_100_equal", D2)
    again = lines(found, "Computed again")
    assert "WRONG sum of contributions, price: -0.04" in again
    assert "WRONG returns of the names: 0 of 2 are close / close before - 1; not A, C" in again
    assert "WRONG level, price" in again
    assert "it is not in raw.payloads" in lines(found, "Payloads")


def test_a_file_in_the_drop_folder_that_was_changed_is_wrong_until_it_is_loaded(
    store: Store, settings: Settings
) -> None:
    path = settings.drop / "files" / "day.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    found = explain_index(store, settings, "us_top_100_equal", D2)
    assert "day.csv: SHA-256 verified in the drop folder" in lines(found, "Payloads")
    assert found.holds
    path.write_bytes(LATER)
    found = explain_index(store, settings, "us_top_100_equal", D2)
    assert "a later version of the file was loaded" in lines(found, "Payloads")
    assert found.holds
    # One that was loaded before these bytes is not what was made of them either.
    for other in (BODY.replace(b"102", b"104"), EARLIER):
        path.write_bytes(other)
        found = explain_index(store, settings, "us_top_100_equal", D2)
        first, _ = section(found, "Payloads")
        assert first.startswith("WRONG files ohlcv")
        assert "was changed, and not loaded since" in first
        assert not found.holds


def test_rates_caps_and_actions_of_the_names_are_shown(store: Store, settings: Settings) -> None:
    """C in pence, a split since its count, and a session between two reviews."""
    pound = {"instrument_id": 9, "symbol": "GBP", "quote": "USD", "asset_class": "fx"}
    bars = next(c for c in CONTENT if c[0] is tables.VALIDATED)[1]
    pence = pl.when(pl.col("instrument_id") == 2).then(pl.lit("GBp")).otherwise("quote")
    cap = {
        "instrument_id": 2, "session": date(2023, 12, 1), "known_at": COUNTED, "market_cap": 9e9,
        "currency": "USD", "origin": "snapshot", "trusted": True,
    }  # fmt: skip
    split = {"instrument_id": 2, "action": "split", "ex_date": date(2023, 12, 15), "ratio": 2.0}
    with store.transaction(Stamp("r2", NOW)) as writer:
        for table, *stated in (
            (
                tables.OBSERVATIONS,
                {"instrument_id": 9, "session": D1, "vintage": D1, "value": 1.25},
                {"instrument_id": 9, "session": D2, "vintage": D2, "value": 1.20},
            ),
            (tables.BASKETS, {**KEY, "session": D2, "reviewed": False}),
            (tables.COMPOSITIONS, {**KEY, "session": D2, "instrument_id": 2, "rank": 1}),
            # One that came after the cutoff of the session did not count.
            (tables.CAPS, cap, {**cap, "market_cap": 1.0, "known_at": NOW + timedelta(hours=2)}),
            (tables.ACTIONS, split),
        ):
            writer.write(*rows(table, *stated), WHOLE)
        known = next(c for c in CONTENT if c[0] is tables.INSTRUMENTS)[1]
        writer.write(
            tables.INSTRUMENTS, pl.concat([known, rows(tables.INSTRUMENTS, pound)[1]]), WHOLE
        )
        writer.write(tables.VALIDATED, bars.with_columns(quote=pence), WHOLE)
    store.publish()
    found = explain_index(store, settings, "us_top_100_equal", D2)
    titled = dict(found.sections)
    rates, caps, actions = (
        titled[t] for t in ("Exchange rates in force", "Market caps in force", "Corporate actions")
    )
    assert isinstance(rates, pl.DataFrame)
    # 1.25 dollars a pound and 1.20 the day after: a penny is 0.0125, then 0.012.
    assert rates.rows() == [("GBp", "USD", 0.0125, 0.012, D2)]
    assert isinstance(caps, pl.DataFrame)
    assert caps.select("symbol", "market_cap", "measured_on").rows() == [
        ("C", 9e9, date(2023, 12, 1))
    ]
    assert isinstance(actions, pl.DataFrame)
    assert actions.select("symbol", "action", "ratio").rows() == [("C", "split", 2.0)]
    assert "Held on after this close; rank and measure are of the last review" in titled
    # 22.8 x 0.012 / (24 x 0.0125) - 1 is -0.088; stored is -0.05, as if there were no rates.
    told = "WRONG returns of the names: 1 of 2 are close / close before - 1, in USD; not C"
    assert told in lines(found, "Computed again")


def test_a_metric_and_what_is_not_stored(store: Store, settings: Settings) -> None:
    found = explain_metric(store, settings, "A", D2, "1M")
    assert [title for title, _ in found.sections][:3] == [
        "Metric", "First and last prices", "Prices by source",
    ]  # fmt: skip
    assert "metrics method" in lines(found, "Code")
    assert "index method" not in lines(found, "Code")
    assert lines(found, "Computed again").splitlines() == [
        "ok    closes: 2 of 2 are as they were loaded",
        "ok    total return, price: 102.0 x 1.0 / 102.0 - 1 = 0.0",
    ]
    assert found.holds
    with pytest.raises(ConfigError, match="It has 2024-01-03 to 2024-01-04"):
        explain_index(store, settings, "us_top_100_equal", date(2030, 1, 1))
    for name in ("nothing", ""):
        with pytest.raises(ConfigError, match=r"no such index is stored\. There is us_top_100_"):
            explain_index(store, settings, name, D2)


@pytest.mark.parametrize(
    ("stored", "ratio", "line"),
    [
        (0.5, None, "WRONG total return, price: 102.0 x 1.0 / 102.0 - 1 = 0.0"),
        (1.0, 2.0, "ok    total return, price: 102.0 x 2.0 / 102.0 - 1 = 1.0"),
    ],
)
def test_a_metric_is_computed_again(
    store: Store, settings: Settings, stored: float, ratio: float | None, line: str
) -> None:
    metric = next(c for c in CONTENT if c[0] is tables.METRICS)[1]
    split = {"instrument_id": 1, "action": "split", "ex_date": D2, "ratio": ratio}
    with store.transaction(Stamp("r2", NOW)) as writer:
        writer.write(tables.METRICS, metric.with_columns(total_return=pl.lit(stored)), WHOLE)
        if ratio:
            writer.write(*rows(tables.ACTIONS, split), WHOLE)
    store.publish()
    found = explain_metric(store, settings, "A", D2, "1M")
    assert lines(found, "Computed again").splitlines()[-1] == line
    assert found.holds == line.startswith("ok")
