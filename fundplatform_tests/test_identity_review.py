"""Renames and reuse: proposed with evidence, decided by a person, audited. Cases by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import tables
from fundplatform.assets.renames import former_symbols
from fundplatform.cli import cli
from fundplatform.errors import ConfigError, SchemaError
from fundplatform.identity_moves import Decision, decide, review, shown
from fundplatform.identity_review import MERGED
from fundplatform.settings import Settings
from fundplatform.sources.base import LISTING_SCHEMA, Coverage, Kind, SourceSpec
from fundplatform.storage.base import WHOLE, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.dropped import bar as bar_of
from fundplatform_tests.dropped import folder, table
from fundplatform_tests.storage.marts import bar, chosen, rows
from fundplatform_tests.test_stale import FIRST, LAST, SESSIONS, pipeline

D = date.fromisoformat
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SPEC = SourceSpec(
    "vendor", "V", "equity", "US", "USD", {Kind.OHLCV: Coverage("XNYS", D("1999-01-04"))}
)


class Home:
    """A warehouse with one source; bars are a close per session."""

    def __init__(self, store: DuckDBStore) -> None:
        """On an empty one."""
        self.store = store

    def load(self, symbol: str, closes: dict[str, float], asset_class: str = "equity") -> int:
        """One listing from the first to the last of these sessions, and its bars."""
        days = [D(d) for d in closes]
        row = (symbol, symbol, asset_class, "US", "USD", None, days[0], days[-1])
        with self.store.transaction(Stamp("load", NOW)) as writer:
            source = writer.source_id(SPEC)
            listing = pl.DataFrame([row], schema=LISTING_SCHEMA, orient="row")
            (instrument,) = set(writer.register(source, listing)["instrument_id"].tail(1))
            for make, into in ((bar, tables.OHLCV), (chosen, tables.VALIDATED)):
                stated = [make(d, c, source_id=source, instrument_id=instrument)
                          for d, c in zip(days, closes.values(), strict=True)]  # fmt: skip
                own = into.keeps_absent
                known = writer.read(into).drop("recorded_from", "run_id")
                frame = rows(into, *stated)[1]
                writer.write(into, frame if own else pl.concat([known, frame]), WHOLE)
        self.store.publish()
        return int(instrument)

    def state(self, symbol: str, day: str) -> int:
        """The fee of a fund as a source states it, once."""
        row = (symbol, symbol, "equity", "US", "USD", None, D(day), D(day))
        with self.store.transaction(Stamp("load", NOW)) as writer:
            source = writer.source_id(SPEC)
            listing = pl.DataFrame([row], schema=LISTING_SCHEMA, orient="row")
            found = writer.register(source, listing, stated=True)["instrument_id"][-1]
            fee = {"source_id": source, "instrument_id": found, "effective_on": D(day),
                   "known_at": NOW, "session": D(day), "expense_ratio": 0.01}  # fmt: skip
            writer.write(*rows(tables.FUND_FACTS, fee), WHOLE)
        self.store.publish()
        return int(found)

    def rename(self, *renames: tuple[int, str, str]) -> None:
        """Counted renames: instrument, ex-date, new ticker."""
        into, frame = rows(
            tables.ACTIONS,
            *({"instrument_id": i, "action": "rename", "ex_date": D(d), "other_symbol": s}
              for i, d, s in renames),
        )  # fmt: skip
        with self.store.transaction(Stamp("load", NOW)) as writer:
            writer.write(into, frame, WHOLE)
        self.store.publish()

    def decide(self, problem: str, *, approved: bool = True) -> int:
        """Decide the one open proposal of this problem."""
        found = review(self.store)
        (own,) = found.filter(pl.col("problem") == problem)["proposal_id"].to_list()
        return decide(self.store, found, Decision(own, approved, "Ada", NOW, "seen in a filing"))

    def bars(self) -> list[tuple[int, str]]:
        """instrument_id and session of every raw bar."""
        frame = self.store.read(tables.OHLCV).sort("session", "instrument_id")
        return [(i, str(s)) for i, s in frame.select("instrument_id", "session").iter_rows()]

    def lines(self) -> list[tuple[int, str, str, str]]:
        """The instruments that are not merged away."""
        known = self.store.read(tables.INSTRUMENTS).filter(pl.col("asset_class") != MERGED)
        shown = known.select("instrument_id", "symbol", "valid_from", "valid_to").iter_rows()
        return [(i, s, str(a), str(b)) for i, s, a, b in shown]


@pytest.fixture
def home(duckdb_store: DuckDBStore) -> Home:
    return Home(duckdb_store)


def test_fb_and_meta_are_one_line_and_the_older_fb_another(home: Home) -> None:
    home.load("FB", {"1999-09-29": 20.0, "2000-03-01": 5.0})
    fb = home.load("FB", {"2012-05-18": 38.23, "2022-06-08": 196.64})
    meta = home.load("META", {"2022-06-09": 196.0, "2022-06-10": 175.57})
    found = review(home.store)
    assert found["problem"].to_list() == ["rename", "gap"]
    assert "FB (to 2022-06-08) was renamed META" in found["proposal"][0]
    assert "the price goes on: 196.64 then 196" in found["evidence"][0]
    assert len(list(shown(found))) == 4
    assert home.decide("rename") == 2
    assert home.decide("gap") == 0
    assert home.lines() == [
        (fb - 1, "FB", "1999-09-29", "2000-03-01"),
        (fb, "META", "2012-05-18", "2022-06-10"),
    ]
    assert home.bars() == [
        (1, "1999-09-29"), (1, "2000-03-01"), (2, "2012-05-18"), (2, "2022-06-08"),
        (2, "2022-06-09"), (2, "2022-06-10"),
    ]  # fmt: skip
    assert review(home.store).is_empty(), "a decision is not asked for again"
    audit = home.store.read(tables.IDENTITY_DECISIONS).filter(pl.col("problem") == "rename")
    assert audit.select("instrument_id", "other_id", "rows_moved", "author", "approved").row(0) == (
        fb, meta, 2, "Ada", True,
    )  # fmt: skip
    ledger = home.store.read(tables.revisions_of(tables.OHLCV))
    assert ledger["instrument_id"].to_list() == [meta, meta], "what it was stays"
    assert former_symbols(home.store).rows() == [(fb, "FB", D("2022-06-08"))]
    assert home.load("META", {"2022-06-10": 175.57, "2022-06-13": 164.26}) == fb


@pytest.mark.slow
def test_goog_went_on_as_the_new_class_when_the_old_one_became_googl(home: Home) -> None:
    goog = home.load("GOOG", {"2004-08-19": 100.34, "2014-04-02": 1135.1, "2014-04-03": 569.74,
                              "2015-04-24": 565.06})  # fmt: skip
    googl = home.load("GOOGL", {"2014-04-03": 571.5, "2015-04-24": 573.66})
    goocv = home.load("GOOCV", {"2014-03-27": 558.46, "2014-04-02": 567.0})
    home.rename((goog, "2014-04-03", "GOOGL"), (goocv, "2014-04-03", "GOOG"))
    assert review(home.store)["problem"].to_list() == ["reuse"]
    assert home.decide("reuse") == 2
    new = goocv + 1
    found = review(home.store).select("problem", "other_id", "instrument_id")
    assert found.rows() == [("rename", goocv, new), ("rename", goog, googl)]
    for one in review(home.store)["proposal_id"].to_list():
        decide(home.store, review(home.store), Decision(one, True, "Ada", NOW))
    assert home.lines() == [
        (goog, "GOOGL", "2004-08-19", "2015-04-24"),
        (goocv, "GOOG", "2014-03-27", "2015-04-24"),
    ]
    assert home.bars() == [
        (goog, "2004-08-19"), (goocv, "2014-03-27"), (goog, "2014-04-02"), (goocv, "2014-04-02"),
        (goog, "2014-04-03"), (goocv, "2014-04-03"), (goog, "2015-04-24"), (goocv, "2015-04-24"),
    ]  # fmt: skip
    assert former_symbols(home.store).rows() == [
        (goog, "GOOG", D("2014-04-02")), (goocv, "GOOCV", D("2014-04-02")),
    ]  # fmt: skip
    listed = home.store.read(tables.LISTINGS).sort("vendor_symbol", "valid_from")
    assert listed.select("vendor_symbol", "instrument_id").rows() == [
        ("GOOCV", goocv), ("GOOG", goog), ("GOOG", goocv), ("GOOGL", goog),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("approved", "whose"), [(True, 2), pytest.param(False, 1, marks=pytest.mark.slow)]
)
def test_of_whom_something_was_stated_is_decided_once(
    home: Home, approved: bool, whose: int
) -> None:
    home.load("FB", {"1999-09-29": 20.0, "2008-07-01": 5.0})
    assert home.state("FB", "2011-06-30") == 1
    home.load("FB", {"2012-05-18": 38.23, "2021-03-31": 294.53})
    (words,) = review(home.store).filter(pl.col("problem") == "statement")["proposal"]
    assert words.endswith(
        "is of the FB that trades since 2012-05-18, not of the one since 1999-09-29"
    )
    assert home.decide("statement", approved=approved) == (whose == 2)
    assert home.store.read(tables.FUND_FACTS)["instrument_id"].to_list() == [whose]
    assert home.store.read(tables.STATEMENTS)["instrument_id"].to_list() == [whose]
    assert home.state("FB", "2011-06-30") == whose
    assert "statement" not in review(home.store)["problem"]


def test_a_price_that_jumps_or_another_class_is_no_rename(home: Home) -> None:
    home.load("COMP", {"2022-06-08": 5.0})
    home.load("COMPX", {"2022-06-09": 5.0}, "crypto")
    home.load("AAA", {"2022-06-09": 9.0})
    assert review(home.store).is_empty()


def test_a_refused_rename_leaves_two_and_a_refused_gap_makes_one(home: Home) -> None:
    home.load("OLD", {"2022-06-08": 10.0})
    home.load("NEW", {"2022-06-09": 10.1})
    home.load("GAP", {"2020-01-02": 1.0})
    home.load("GAP", {"2022-01-03": 2.0})
    assert home.decide("rename", approved=False) == 0
    assert home.decide("gap", approved=False) == 1
    assert [line[1] for line in home.lines()] == ["OLD", "NEW", "GAP"]
    assert home.lines()[2][2:] == ("2020-01-02", "2022-01-03")


def test_of_three_spans_of_a_ticker_each_can_still_be_decided_after_another_was(
    home: Home,
) -> None:
    """The last, the first, the one between: the second gap is of an instrument merged by then."""
    last, first, between = 1, 2, 3
    for day in ("2022-01-03", "2020-01-02", "2021-01-04"):
        home.load("GAP", {day: 1.0})
    found = review(home.store)
    assert found.select("instrument_id", "other_id").rows() == [(first, last), (between, first)]
    own = found.filter(pl.col("other_id") == last)["proposal_id"][0]
    decide(home.store, found, Decision(own, False, "Ada", NOW, None))
    home.decide("gap", approved=False)
    assert home.lines() == [(last, "GAP", "2020-01-02", "2022-01-03")]
    assert review(home.store).is_empty()


def test_what_cannot_be_is_refused_in_words(home: Home) -> None:
    one = home.load("OLD", {"2022-06-08": 10.0})
    other = home.load("NEW", {"2022-06-09": 10.1})
    found = review(home.store)
    (own,) = found["proposal_id"].to_list()
    with pytest.raises(ConfigError, match="needs an author"):
        decide(home.store, found, Decision(own, True, " ", NOW))
    with pytest.raises(ConfigError, match="no open proposal"):
        decide(home.store, found, Decision("0123456789", True, "Ada", NOW))
    both = rows(
        tables.OHLCV,
        *(bar(D("2022-06-10"), 1.0, source_id=1, instrument_id=i) for i in (one, other)),
    )[1]
    with home.store.transaction(Stamp("x", NOW)) as writer:
        writer.write(tables.OHLCV, both, WHOLE)
    with pytest.raises(SchemaError, match="quoted at the same time"):
        decide(home.store, found, Decision(own, True, "Ada", NOW))
    assert home.store.read(tables.IDENTITY_DECISIONS).is_empty()


@pytest.mark.slow
def test_an_approved_rename_goes_through_to_the_prices(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closes = dict(zip(SESSIONS, [10.0] * 4 + [10.1] * 4, strict=True))
    table_rows = [bar_of(s, "FB" if n < 4 else "META", c)
                  for n, (s, c) in enumerate(closes.items())]  # fmt: skip
    own = folder(settings, "mine", "start: 2024-01-02\nend: 2024-01-11\n")
    (own / "bars.csv").write_text(table(table_rows))
    pipeline(settings).backfill(FIRST, LAST)
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")
    listed = CliRunner().invoke(cli, ["identity", "review"])
    assert "1 open proposals" in listed.output, listed.output
    number = listed.output.split()[0]
    nobody = CliRunner().invoke(cli, ["identity", "review", "--approve", number])
    assert isinstance(nobody.exception, ConfigError)
    done = CliRunner().invoke(cli, ["identity", "review", "--approve", number, "--author", "Ada"])
    assert "approved by Ada: 4 raw rows moved" in done.output
    assert "0 open proposals" in CliRunner().invoke(cli, ["identity", "review"]).output
    after = pipeline(settings)
    after.backfill(FIRST, LAST)
    assert [o.errors for o in after.outcomes if o.errors] == []
    seen = after.store.query("SELECT symbol, session FROM marts.adjusted_prices ORDER BY 2")
    assert seen["symbol"].to_list() == ["META"] * 8
    metrics = after.store.read(tables.METRICS).filter(pl.col("frame") == "ALL").sort("session")
    assert metrics["total_return"][-1] == pytest.approx(0.01)
    assert after.backfill(FIRST, LAST) == []
