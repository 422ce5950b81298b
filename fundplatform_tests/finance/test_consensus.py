"""Which source is used and why; the order of the fallback; the score by hand."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.consensus import weigh
from fundplatform.finance.reliability import counts, scores
from fundplatform.finance.rules import judge

DAY = date(2024, 1, 8)
TOLERANCE = pl.lit(0.005)
Bar = tuple[int, int, date, float]


def context(rows: Sequence[Bar], fetched_after: timedelta = timedelta(hours=2)) -> pl.DataFrame:
    """Bars (source, instrument, session, close) of sources whose priority is their id."""
    frame = pl.DataFrame(
        rows,
        schema=["source_id", "instrument_id", "session", "close"],
        orient="row",
    ).cast({"source_id": pl.Int16, "instrument_id": pl.Int32})
    opened = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    price = pl.col("close")
    return frame.select(
        "source_id", "instrument_id", interval=pl.lit("1d"), quote=pl.lit("USD"),
        bar_open_at=opened, session="session", open=price, high=price, low=price, close=price,
        volume=pl.lit(100.0), vwap=pl.lit(None, pl.Float64), trade_count=pl.lit(None, pl.Int64),
        adjustment=pl.lit("none"), fetched_at=opened + timedelta(hours=21) + fetched_after,
        asset_class=pl.lit("equity"), is_session=pl.lit(True),
        bar_close_at=opened + timedelta(hours=21), coverage_start=pl.lit(date(2000, 1, 1)),
        priority=pl.col("source_id").cast(pl.Int32),
    )  # fmt: skip


def weighed(
    bars: pl.DataFrame,
    window: tuple[date, date] | None = None,
    scored: pl.Expr | None = None,
    corrected: pl.DataFrame | None = None,
) -> "Outcome":
    return Outcome(bars, window, scored, corrected)


class Outcome:
    """The rules' verdict and what consensus makes of it."""

    def __init__(
        self,
        bars: pl.DataFrame,
        window: tuple[date, date] | None,
        scored: pl.Expr | None,
        corrected: pl.DataFrame | None,
    ) -> None:
        """Judge and weigh."""
        self.judged = judge(bars, window=window)
        found = weigh(
            bars,
            self.judged.validated,
            self.judged.rejected,
            tolerance=TOLERANCE,
            window=window,
            scored=scored,
            corrected=corrected,
        )
        self.consensus, self.days, self.validated = found.consensus, found.days, found.validated

    def used(self, instrument: int = 1, day: date = DAY) -> int:
        own = self.validated.filter(pl.col("selected"), instrument_id=instrument, session=day)
        return int(own["source_id"].item())

    def reason(self) -> str:
        return str(self.consensus["reason"].item())


def others(close: float = 50.0) -> list[Bar]:
    """Four more instruments that all agree, so that the gate is not shut by one bad row."""
    return [(s, i, DAY, close) for s in (1, 2, 3) for i in (2, 3, 4, 5)]


def test_one_source_is_not_compared() -> None:
    found = weighed(context([(1, 1, DAY, 10.0)]))
    assert found.consensus.is_empty()
    assert found.used() == 1
    assert found.days.select("rows", "rows_compared", "rows_timely").row(0) == (1, 0, 1)


def test_priority_decides_where_sources_agree() -> None:
    found = weighed(context([(1, 1, DAY, 100.0), (2, 1, DAY, 100.1)]))
    assert found.used() == 1
    assert found.reason() == "first by priority; 2 sources agree within 0.1 %"
    assert found.consensus.select("n_sources", "median_close", "outliers").row(0) == (
        2, pytest.approx(100.05), None,
    )  # fmt: skip


def test_two_that_differ_are_both_kept() -> None:
    found = weighed(context([(1, 1, DAY, 100.0), (2, 1, DAY, 103.0)]))
    assert found.used() == 1
    assert found.validated.height == 2
    assert found.reason() == (
        "first by priority; 2 sources differ by 3.0 %: none can be told wrong"
    )
    assert found.days["rows_agreeing"].to_list() == [0, 0]


@pytest.mark.parametrize("close", [0.0, float("inf"), float("nan")])
def test_what_is_no_price_is_not_compared(close: float) -> None:
    found = weighed(
        context([(1, 1, DAY, 100.0), (2, 1, DAY, 101.0), (3, 1, DAY, close), *others()])
    )
    assert found.consensus.filter(instrument_id=1)["median_close"].to_list() == [100.5]
    assert found.days.filter(source_id=3)["rows_compared"].to_list() == [4]


@pytest.mark.parametrize(("wrong", "used"), [(1, 2), (2, 1), (3, 1)])
def test_three_percent_in_one_of_three(wrong: int, used: int) -> None:
    rows: list[Bar] = [(s, 1, DAY, 103.0 if s == wrong else 100.0) for s in (1, 2, 3)]
    found = weighed(context([*rows, *others()]))
    assert found.used() == used
    kept = found.validated.filter(pl.col("selected"), instrument_id=1)
    assert kept["close"].item() == 100.0
    (refused,) = found.judged.rejected.rows(named=True)
    assert (refused["source_id"], refused["rules"]) == (wrong, "V23")
    told = found.consensus.filter(instrument_id=1).row(0, named=True)
    assert told["outliers"] == str(wrong)
    if wrong == 1:
        assert told["reason"].startswith("source 1, first by priority, was refused (V23); next")
    counted = found.days.with_columns(rows_corrected=pl.lit(0))
    score = dict(scores(counted).select("source_id", "score").iter_rows())
    # 4 of 5 bars agree: 100 x (0.4 x 0.8 + 0.2 + 0.2 + 0.2) = 92.
    assert score == {s: 92.0 if s == wrong else 100.0 for s in (1, 2, 3)}


def history(days: int, bad: int) -> list[Bar]:
    """Sources 1-4 on the days before DAY; `bad` is 3 % off each day."""
    return [
        (s, i, DAY - timedelta(days=n), 103.0 if s == bad and i == 1 else 100.0)
        for n in range(1, days + 1)
        for s in (1, 2, 3, 4)
        for i in (1, 2, 3, 4, 5)
    ]


def test_a_source_that_was_often_wrong_falls_back_behind() -> None:
    today: list[Bar] = [(1, 1, DAY, 103.0), *((s, 1, DAY, 100.0) for s in (2, 3, 4))]
    today += [(s, i, DAY, 100.0) for s in (1, 2, 3, 4) for i in (2, 3, 4, 5)]
    assert weighed(context(today)).used() == 2
    assert weighed(context([*history(5, bad=2), *today]), (DAY, DAY)).used() == 3
    assert weighed(context([*history(5, bad=3), *today]), (DAY, DAY)).used() == 2


def a_wrong_leader() -> list[Bar]:
    """On DAY source 1 is 3 % off, 2 to 4 agree."""
    return [
        (s, i, DAY, 103.0 if s == i == 1 else 100.0) for s in (1, 2, 3, 4) for i in (1, 2, 3, 4, 5)
    ]


SCORED = pl.lit(value=True)


def test_a_source_that_is_late_stands_behind_where_the_score_counts() -> None:
    bars = context([*history(5, bad=0), *a_wrong_leader()])
    behind = bars.with_columns(
        fetched_at=pl.when(pl.col("source_id") == 2)
        .then(pl.col("fetched_at") + timedelta(days=2))
        .otherwise("fetched_at")
    )
    assert weighed(behind, (DAY, DAY)).used() == 2
    found = weighed(behind, (DAY, DAY), scored=SCORED)
    assert found.used() == 3
    told = found.consensus.filter(instrument_id=1)["reason"].item()
    # All of it in time, there, agreeing and uncorrected: 100.
    assert "was refused (V23); next by score 100.0 and priority" in told


def test_a_source_that_lacks_bars_stands_behind_where_the_score_counts() -> None:
    absent = {DAY - timedelta(days=n) for n in (1, 3)}
    old = [r for r in history(5, bad=0) if r[0] != 2 or r[1] < 4 or r[2] not in absent]
    bars = context([*old, *a_wrong_leader()])
    assert weighed(bars, (DAY, DAY)).used() == 2
    # Source 2: 4 of 25 bars are gone: 100 x (0.4 + 0.2 + 0.2 x 21/25 + 0.2) = 96.8; a step below.
    assert weighed(bars, (DAY, DAY), scored=SCORED).used() == 3


def test_a_source_that_corrects_itself_stands_behind_where_the_score_counts() -> None:
    bars = context([*history(5, bad=0), *a_wrong_leader()])
    corrected = pl.DataFrame(
        {"source_id": [2], "session": [DAY - timedelta(days=2)], "rows_corrected": [5]},
        schema={"source_id": pl.Int16, "session": pl.Date, "rows_corrected": pl.Int64},
    )
    assert weighed(bars, (DAY, DAY), corrected=corrected).used() == 2
    assert weighed(bars, (DAY, DAY), corrected=corrected, scored=SCORED).used() == 3
    # A day's correction of DAY itself is not yet known then.
    today = corrected.with_columns(session=pl.lit(DAY))
    assert weighed(bars, (DAY, DAY), corrected=today, scored=SCORED).used() == 2


def test_without_any_history_the_declared_order_holds() -> None:
    found = weighed(context(a_wrong_leader()), scored=SCORED)
    assert found.used() == 2
    told = found.consensus.filter(instrument_id=1)["reason"].item()
    assert "next by score, of which it has none yet, and priority" in told


def test_chunks_do_not_change_the_choice() -> None:
    today: list[Bar] = [
        (s, i, DAY, 103.0 if s == i == 1 else 100.0) for s in (1, 2, 3, 4) for i in (1, 2, 3, 4, 5)
    ]
    bars = context([*history(8, bad=2), *today])
    whole = weighed(bars).validated.filter(session=DAY)
    chunk = weighed(bars, (DAY, DAY)).validated
    key = list(tables.VALIDATED.key)
    assert chunk.sort(key).equals(whole.sort(key))


def test_a_refused_leader_is_named_with_its_rule() -> None:
    bars = context([(1, 1, DAY, 100.0), (2, 1, DAY, 100.0), *others()])
    broken = bars.with_columns(
        low=pl.when(source_id=1, instrument_id=1).then(200.0).otherwise("low")
    )
    found = weighed(broken)
    assert found.used() == 2
    told = found.consensus.filter(instrument_id=1)["reason"].item()
    assert told.startswith("source 1, first by priority, was refused (V04,V05); next")


def test_bases_are_not_compared_with_each_other() -> None:
    bars = context([(1, 1, DAY, 100.0), (2, 1, DAY, 50.0)]).with_columns(
        adjustment=pl.when(pl.col("source_id") == 2).then(pl.lit("split")).otherwise("adjustment")
    )
    assert weighed(bars).consensus.is_empty()
    assert weighed(bars).used() == 1


def test_counts_of_a_session() -> None:
    before = DAY - timedelta(days=3)
    rows: list[Bar] = [(1, i, before, 10.0) for i in (1, 2, 3)] + [
        (1, i, DAY, 10.0) for i in (1, 4)
    ]
    late = context(rows, timedelta(days=2))
    told = weighed(late).days.row(1, named=True)
    # 2 and 3 were there the session before and are gone; 4 is new.
    assert (told["rows_present"], told["rows_expected"]) == (2, 4)
    assert (told["rows_timed"], told["rows_timely"]) == (2, 0)
    old = weighed(context(rows, timedelta(days=400))).days
    assert old["rows_timed"].to_list() == [0, 0]


def test_presence_counts_instruments_and_whom_the_session_before_had() -> None:
    """Three sessions: 1 is always there in two quotes, 2 misses the second, 3 comes on the last."""
    one, two, three = (DAY + timedelta(days=n) for n in range(3))
    rows: list[Bar] = [(1, 1, d, 100.0) for d in (one, two, three)]
    rows += [(1, 2, one, 50.0), (1, 2, three, 50.0), (1, 3, three, 10.0)]
    dollars = context(rows)
    euros = context([r for r in rows if r[1] == 1]).with_columns(quote=pl.lit("EUR"))
    none = pl.DataFrame(
        schema={"source_id": pl.Int16, "session": pl.Date}
        | dict.fromkeys(("rows_compared", "rows_agreeing"), pl.Int64())
    )
    days = counts(pl.concat([dollars, euros]), none)
    assert days["rows"].to_list() == [3, 2, 4]
    assert days["rows_present"].to_list() == [2, 1, 3]
    assert days["rows_expected"].to_list() == [2, 2, 3]


def test_the_score_by_hand() -> None:
    row = {
        "source_id": 1, "session": DAY, "rows": 100, "rows_compared": 50, "rows_agreeing": 45,
        "rows_expected": 100, "rows_present": 90, "rows_timed": 10, "rows_timely": 5,
        "rows_corrected": 10,
    }  # fmt: skip
    days = pl.DataFrame([row])
    # 0.4 x 0.9 + 0.2 x 0.5 + 0.2 x 0.9 + 0.2 x 0.9 = 0.82
    assert scores(days)["score"].to_list() == [82.0]
    # Nothing compared: (0.2 x 0.5 + 0.2 x 0.9 + 0.2 x 0.9) / 0.6 = 76.7
    alone = days.with_columns(rows_compared=0, rows_agreeing=0)
    assert scores(alone)["score"].to_list() == [76.7]
    nothing = days.with_columns(pl.col("^rows.*$") * 0)
    assert scores(nothing)["score"].to_list() == [None]


def test_the_score_forgets_after_sixty_sessions() -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC).date()
    days = pl.DataFrame(
        {
            "source_id": [1] * 61,
            "session": [first + timedelta(days=n) for n in range(61)],
            **{n: [10] * 61 for n in ("rows", "rows_expected", "rows_present")},
            **{f"rows_{n}": [0] * 61 for n in ("compared", "agreeing", "timed", "timely")},
            "rows_corrected": [10] + [0] * 60,
        }
    )  # fmt: skip
    found = scores(days)["score"].to_list()
    # The first session: (0.2 x 1 + 0.2 x 0) / 0.4; the last looks at 60 without a correction.
    assert (found[0], found[59], found[60]) == (50.0, 99.2, 100.0)
