"""Indices rank by caps that are trusted, in a universe by rule; who is missing is said."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl

from fundplatform import tables
from fundplatform.assets.index_checks import age_of_caps
from fundplatform.assets.index_inputs import Known, one_index
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.index import IndexResult
from fundplatform.finance.index_definition import IndexDefinition, Universe

DAYS = [date(2024, 1, 2), date(2024, 1, 3)]
EVENING = datetime(2024, 1, 2, 22, tzinfo=UTC)
SOURCES = pl.DataFrame(
    {"source_id": [1], "name": ["s"], "priority": [10], "calendar": ["XNYS"]}
).cast({"source_id": pl.Int16, "priority": pl.Int32})
SYMBOLS = ["BIG", "BAD", "FAR", "PREF", "GOOG", "GOOGL", "NEXT", "LAST"]
IDS = {s: i + 1 for i, s in enumerate(SYMBOLS)}
US = IndexDefinition(
    "x",
    "X",
    Universe(("equity",), ("US",), securities="us_common"),
    3,
    "market_cap",
    weighting="cap",
)


def built(
    definition: IndexDefinition, caps: list[tuple[object, ...]], **other: object
) -> IndexResult:
    """Every name at 10, GOOGL traded more than GOOG; caps are rows of catalog.market_caps."""
    rows = [
        (1, i, "1d", "USD", day, 10.0, 200.0 if s == "GOOGL" else 100.0, "none", True)
        for s, i in IDS.items()
        for day in DAYS
    ]
    schema = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}
    instruments = pl.DataFrame(
        {
            "instrument_id": list(IDS.values()),
            "asset_class": "equity",
            "market": "US",
            "symbol": SYMBOLS,
            "quote": "USD",
            "valid_from": DAYS[0],
        }
    ).cast({"instrument_id": pl.Int32})
    known_as = {"FAR": ("common", False), "PREF": ("preferred", True)}
    issuer = {"GOOG": "alphabet", "GOOGL": "alphabet", **other}
    securities = pl.DataFrame(
        [
            (i, *known_as.get(s, ("common", True)), issuer.get(s, s.lower()), None, "")
            for s, i in IDS.items()
        ],
        schema={n: t for n, t in tables.SECURITIES.polars_schema.items() if n in _SECURITIES},
        orient="row",
    )
    own = {n: t for n, t in tables.CAPS.polars_schema.items() if n not in tables.CAPS.stamps}
    known = Known(
        pl.DataFrame(rows, schema=schema, orient="row"),
        tables.ADJUSTMENT_FACTORS.empty(),
        instruments,
        SOURCES,
        pl.DataFrame(caps, schema=own, orient="row"),
        securities=securities,
    )
    return one_index(definition, known, *DAYS)


_SECURITIES = ("instrument_id", "security_type", "domestic", "issuer", "share_class", "reason")


def cap(
    symbol: str, value: float, problem: str | None = None, scope: str = "line"
) -> tuple[object, ...]:
    """A snapshot of the first evening; trusted without a problem."""
    return (
        1, IDS[symbol], "snapshot", EVENING, DAYS[0], value, "USD", scope, problem is None, problem
    )  # fmt: skip


CAPS = [
    cap("BIG", 900.0),
    cap("BAD", 5000.0, "unit: more than half of it would be traded on a day"),
    cap("FAR", 800.0),
    cap("PREF", 700.0),
    cap("GOOG", 650.0, scope="issuer"),
    cap("GOOGL", 640.0, scope="issuer"),
    cap("NEXT", 500.0),
    cap("LAST", 10.0),
]


def chosen(result: IndexResult) -> list[str]:
    ids = result.compositions.filter(session=DAYS[0]).sort("rank")["instrument_id"].to_list()
    return [SYMBOLS[i - 1] for i in ids]


def test_only_trusted_caps_of_us_common_stock_rank() -> None:
    result = built(US, CAPS)
    # One line of Alphabet, the one traded more: each carries the whole company's cap.
    assert chosen(result) == ["BIG", "GOOGL", "NEXT"]
    first = result.exclusions.filter(session=DAYS[0])
    told = [
        (SYMBOLS[i - 1], rank, by, why)
        for i, rank, by, why in first.select(
            "instrument_id", "rank", "excluded_by", "reason"
        ).iter_rows()
    ]
    assert sorted(told) == [
        ("BAD", 1, "cap", "unit: more than half of it would be traded on a day"),
        ("FAR", 2, "rule", "a foreign company"),
        ("PREF", 3, "rule", "a preferred, not common stock"),
    ]
    assert result.unpriced.is_empty()
    note = result.performance["note"][0]
    assert "1 of the first 3 have no cap that is trusted: BAD" in note
    assert "2 of the first 3 are kept out by the rule of the universe: FAR, PREF" in note


def test_a_cap_in_another_unit_is_missed_by_what_is_traded_of_the_name() -> None:
    """Berkshire's 0.216 for 216 billions: too small to rank, but traded as BIG and NEXT are.

    Cap / volume of the names chosen: BIG 900 / 1000, GOOGL 640 / 2000, NEXT 500 / 1000; the median
    0.5 x BAD's 1000 makes 500. That ties with NEXT, which has a cap: BAD is the fourth.
    """
    unit = "unit: more than half of it would be traded on a day"
    others = [c for c in CAPS if c[1] != IDS["BAD"]]
    small = built(replace(US, n=4), [*others, cap("BAD", 0.5, unit)])
    assert chosen(small) == ["BIG", "GOOGL", "NEXT", "LAST"]
    first = small.exclusions.filter(session=DAYS[0], excluded_by="cap")
    # LAST's 10 / 1000 makes the median of the four 0.41: 410, before LAST.
    assert first.select("instrument_id", "rank", "measure", "reason").rows() == [
        (IDS["BAD"], 4, 0.5, unit)
    ]
    assert "1 of the first 4 have no cap that is trusted: BAD" in small.performance["note"][0]
    of_three = built(US, [*others, cap("BAD", 0.5, unit)])
    assert "BAD" not in str(of_three.performance["note"][0])


def test_without_the_rule_whatever_is_listed_may_enter() -> None:
    free = replace(US, universe=Universe(("equity",), ("US",)))
    assert chosen(built(free, CAPS)) == ["BIG", "FAR", "PREF"]


def test_a_cap_that_was_trusted_goes_on_while_a_newer_one_is_not() -> None:
    later = datetime(2024, 1, 2, 23, tzinfo=UTC)
    wrong = (1, IDS["BIG"], "snapshot", later, DAYS[0], 1e9, "USD", "line", False, "jump: ...")
    result = built(US, [*CAPS, wrong])
    assert chosen(result) == ["BIG", "GOOGL", "NEXT"]
    assert result.compositions.filter(session=DAYS[0], rank=1)["measure"].to_list() == [900.0]
    assert "BIG" not in result.performance["note"][0]


def test_lines_by_name_alone_are_two_companies_until_their_caps_say_otherwise() -> None:
    apart = [c for c in CAPS if c[1] not in (IDS["GOOG"], IDS["GOOGL"])]
    apart += [cap("GOOG", 650.0), cap("GOOGL", 640.0)]
    assert chosen(built(US, apart)) == ["BIG", "GOOG", "GOOGL"]
    # The SEC's number of the company is no likeness of names.
    cik = {"GOOG": "CIK 1652044", "GOOGL": "CIK 1652044"}
    assert chosen(built(US, apart, **cik)) == ["BIG", "GOOGL", "NEXT"]


def test_each_line_is_ranked_by_itself_but_not_twice_by_the_whole_companys_cap() -> None:
    each = replace(US, share_class_policy="each_line")
    assert chosen(built(each, CAPS)) == ["BIG", "GOOGL", "NEXT"]
    apart = [c for c in CAPS if c[1] not in (IDS["GOOG"], IDS["GOOGL"])]
    apart += [cap("GOOG", 650.0), cap("GOOGL", 640.0)]
    assert chosen(built(each, apart)) == ["BIG", "GOOG", "GOOGL"]


def test_caps_that_are_old_are_a_warning() -> None:
    fresh = built(US, CAPS)
    assert age_of_caps(fresh.performance).passed
    # Known now, but measured 121 days before the second session, so 120 before the first.
    day = DAYS[1] - timedelta(days=121)
    told = age_of_caps(built(US, [(*c[:4], day, *c[5:]) for c in CAPS]).performance)
    assert not told.passed
    assert told.severity.value == "WARN"
    assert told.metadata["sessions on old caps"].value == 1
