"""Mutated files and answers: no crash, no silent loss, no partition that shrinks.

A few hundred by default, 10,000 with `-m slow`: 2,500 files whose cells are changed (the number of
rows is known), 2,500 whose bytes are, 5,000 answers of vendors.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundplatform import tables
from fundplatform.errors import FundplatformError
from fundplatform.sources.base import LISTING_SCHEMA, Kind
from fundplatform.sources.coinbase import parse_candles as coinbase
from fundplatform.sources.finnhub.answers import parse_candles as finnhub
from fundplatform.sources.kraken.answers import parse_ohlc as kraken
from fundplatform.sources.web import quotes
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.profile import Reply
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.outputs import Load
from fundplatform.storage.transactions import Target, write_load
from fundplatform_tests.dropped import JANUARY, bar, table
from fundplatform_tests.sources.drops import Drop
from fundplatform_tests.sources.web.wire import pair

NOW = datetime(2024, 2, 10, tzinfo=UTC)
FIRST, LAST = date(2024, 1, 2), date(2024, 1, 31)
GOOD = [bar(f"2024-01-{d:02}", s) for d in (2, 3, 4, 5) for s in ("AAA", "BBB", "CCC")]
ODD = ("", " ", "NaN", "inf", "-1", "0", "1e400", "1e-400", "0x1F", "1,5", "٣", "NULL", "\x00",
       "2024-02-30", "1970-01-01", "9999-12-31", "-0.0", "10" * 200, "é", '"')  # fmt: skip
CELLS = st.lists(
    st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 6), st.sampled_from(ODD)),
    min_size=1,
    max_size=6,
)
BYTES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "double", "put"]),
        st.integers(0, 2000),
        st.binary(max_size=4),
    ),
    min_size=1,
    max_size=4,
)


def often(few: int, many: int) -> pytest.MarkDecorator:
    """So many examples by default, and so many among the slow tests."""
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])


def run(law: Callable[..., None], examples: int, *strategies: st.SearchStrategy[object]) -> None:
    """The law over so many examples, the same ones every time."""
    settings(max_examples=examples, derandomize=True, deadline=None)(given(*strategies)(law))()


def changed(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    """The bytes after the edits, each at a place that wraps around."""
    for how, place, more in edits:
        at = place % (len(content) or 1)
        if how == "cut":
            content = content[:at]
        elif how == "double":
            content = content[:at] + content[at // 2 :]
        elif how == "put":
            content = content[:at] + more + content[at:]
        elif content:
            content = content[:at] + bytes([content[at] ^ 0x15]) + content[at + 1 :]
    return content


@pytest.mark.timeout(900)  # a minute of CPU, and a machine may be shared
@often(40, 2500)
def test_no_row_of_a_file_is_lost(examples: int, tmp_path: Path) -> None:
    """Cells are changed, lines stay lines: rows + rejects = lines."""

    def law(edits: list[tuple[int, int, str]]) -> None:
        lines = [line.split(",") for line in GOOD]
        for row, column, text in edits:
            # A comma or a quote within a cell is written as CSV writes it.
            lines[row][column] = (
                '"' + text.replace('"', '""') + '"' if set(text) & set(',"') else text
            )
        with TemporaryDirectory(dir=tmp_path) as home:
            drop = Drop(Path(home)).yaml(JANUARY)
            drop.put("bars.csv", table(",".join(line) for line in lines))
            batch = drop.fetch()
        assert batch.rows.height + batch.rejected.height == len(GOOD)
        assert batch.payloads["rows"].sum() == len(GOOD)
        assert batch.rows["session"].is_between(FIRST, LAST).all()

    run(law, examples, CELLS)


@pytest.mark.timeout(900)
@often(40, 2500)
def test_a_broken_file_is_read_or_refused_and_shrinks_nothing(
    examples: int, tmp_path: Path, duckdb_store: DuckDBStore
) -> None:
    """Bytes are changed: a batch whose counts add up, or an error of ours; stored rows stay."""
    store = duckdb_store
    good = Drop(tmp_path / "good").yaml(JANUARY).put("bars.csv", table(GOOD))
    keep(store, good)
    stored = store.read(tables.OHLCV).select(tables.OHLCV.key)
    assert stored.height == len(GOOD)
    tried = 0

    def law(edits: list[tuple[str, int, bytes]]) -> None:
        nonlocal tried
        tried += 1
        with TemporaryDirectory(dir=tmp_path) as home:
            drop = Drop(Path(home)).yaml(JANUARY)
            drop.put("bars.csv", changed(table(GOOD).encode(), edits))
            try:
                batch = drop.fetch()
            except FundplatformError:
                return
            assert batch.rows.height + batch.rejected.height == batch.payloads["rows"].sum()
            # Storing takes longer than parsing: every twentieth.
            if tried % 20 == 0:
                keep(store, drop)
                left = store.read(tables.OHLCV).join(stored, on=tables.OHLCV.key, how="semi")
                assert left.height == len(GOOD)

    run(law, examples, BYTES)


def keep(store: DuckDBStore, drop: Drop) -> None:
    """Store what the folder brings, as the IO manager does."""
    source = drop.source()
    batch = source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW)
    listings = source.listings(Kind.OHLCV)
    load = Load(source.spec, Kind.OHLCV, batch, listings, first=FIRST, last=LAST)
    with store.transaction(Stamp("fuzz", NOW)) as writer:
        write_load(writer, load, Target("fuzz", "raw/mine/ohlcv", Slice({}, FIRST, LAST)))


BTC = pair("XBTUSD", "BTC", "USD")
KRAKEN = {"error": [], "result": {"XXBTZUSD": [
    [1709769600, "1", "2", "0.5", "1.5", "1.2", "10.5", 7],
    [1709856000, "1.5", "2.5", "1", "2", "1.7", "11.5", 8],
], "last": 1709856000}}  # fmt: skip
COINBASE = [[1709856000, 1.0, 2.5, 1.5, 2.0, 11.5], [1709769600, 0.5, 2.0, 1.0, 1.5, 10.5]]
FINNHUB = {"s": "ok", "t": [1709769600, 1709856000], **{n: [1.5, 2.0] for n in "ohlcv"}}
TICK = {"price": "1.5", "bid": "1", "ask": "2", "time": "2024-03-09T23:59:58Z"}


def bars_of_finnhub(reply: Reply) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = finnhub(reply.body, "AAPL", date(2024, 3, 1), date(2024, 3, 31))
    return found.rows, found.rejected


def bars_of_pairs(
    parse: Callable[[Reply], object],
) -> Callable[[Reply], tuple[pl.DataFrame, pl.DataFrame]]:
    def read(reply: Reply) -> tuple[pl.DataFrame, pl.DataFrame]:
        answer = parse(reply)
        return answer.rows, answer.rejected  # type: ignore[attr-defined]

    return read


VENDORS: dict[str, tuple[object, int, Callable[[Reply], tuple[pl.DataFrame, pl.DataFrame]]]] = {
    "kraken": (KRAKEN, 2, bars_of_pairs(lambda r: kraken(r, BTC))),
    "coinbase": (COINBASE, 2, bars_of_pairs(lambda r: coinbase(r, BTC))),
    "finnhub": (FINNHUB, 2, bars_of_finnhub),
    "quotes": (TICK, 1, lambda r: quotes.coinbase(r.body)),
}
JSON = st.sampled_from([None, True, "", "x", "NaN", -1, 0, 1e308, 10**30, [], {}, [[]], "1" * 400])


@pytest.mark.parametrize("vendor", VENDORS)
@often(40, 1250)
def test_an_answer_is_read_or_refused(examples: int, vendor: str) -> None:
    """Values and bytes are changed: rows and rejects, none lost, or an error of a known kind."""
    good, rows, parse = VENDORS[vendor]

    def law(places: list[int], value: object, edits: list[tuple[str, int, bytes]]) -> None:
        body = json.dumps(put(json.loads(json.dumps(good)), places, value)).encode()
        for content, counted in ((body, True), (changed(body, edits), False)):
            reply = Reply("https://v.test/x", 200, {}, content, "0" * 64, NOW)
            try:
                found, rejected = parse(reply)
            except VendorError:
                continue
            collector = Collector(Kind.OHLCV, date(2024, 3, 1), date(2024, 3, 31))
            assert found.height + rejected.height == rows or not counted or shorter(content, body)
            if vendor != "quotes" and "vendor_symbol" in found.columns:
                collector.add(reply, found, rejected)
                collector.list(LISTING_SCHEMA.to_frame())
                batch = collector.batch()
                assert batch.payloads["rows"].sum() == batch.rows.height + batch.rejected.height

    run(law, examples, st.lists(st.integers(0, 9), min_size=1, max_size=4), JSON, BYTES)


def shorter(content: bytes, body: bytes) -> bool:
    """Whether a list of rows was itself replaced, so that their number is another."""
    return content == body and body.count(b"17097") < 2


def put(tree: object, places: list[int], value: object) -> object:
    """The JSON value with one part of it replaced; the places lead there, and wrap around."""
    place, *rest = places
    if isinstance(tree, dict) and tree:
        key = sorted(tree)[place % len(tree)]
        return {**tree, key: put(tree[key], rest, value) if rest else value}
    if isinstance(tree, list) and tree:
        at = place % len(tree)
        return [*tree[:at], put(tree[at], rest, value) if rest else value, *tree[at + 1 :]]
    return value


def test_the_laws_can_be_broken() -> None:
    """A law that two edits of one row break is seen to be broken; edits change what they edit."""
    assert changed(b"abc", [("cut", 4, b"")]) == b"a"
    assert changed(b"abc", [("put", 1, b"x")]) == b"axbc"
    assert changed(b"abc", [("flip", 0, b"")]) == b"tbc"
    assert put({"a": [1, 2]}, [0, 3], None) == {"a": [1, None]}

    def lossy(edits: list[tuple[int, int, str]]) -> None:
        kept = {row for row, _, _ in edits}
        assert len(kept) == len(edits)

    with pytest.raises(AssertionError):
        run(lossy, 200, CELLS)
