"""V01 to V30: the one list of rules (methodology C). Numbers and words; nothing is judged here."""

from fundplatform.finance.rules.declared import NEVER, Rule

RULES_VERSION = 3
"""Raised with every change of a rule: bars are then judged again."""

ANY_SIGN = ("commodity", "rate", "economic", "index")
"""Asset classes whose prices may be zero or negative (WTI: -36.98 on 2020-04-20)."""

LOOKBACK_SESSIONS = 60
LOOKBACK_DAYS = 100
"""Bars further back are no part of any judgement: 60 sessions of any calendar lie within."""
AHEAD_SESSIONS = 3
AHEAD_DAYS = 12
"""V20 alone looks ahead: three sessions, and not further than this."""

_ROWS = "unexpected_rows_expectation"
_PAIR = "expect_column_pair_values_a_to_be_greater_than_b"
_BETWEEN = "expect_column_values_to_be_between"
_IN_SET = "expect_column_values_to_be_in_set"
_UNSIGNED = {name: {"any_sign": 1.0} for name in ANY_SIGN}
_NO_CAP = {name: {"cap": NEVER} for name in ANY_SIGN}

RULES: tuple[Rule, ...] = (
    Rule(
        "V01",
        "The key (source, instrument, interval, quote, bar_open_at) is unique",
        "Every row of a doubled key fails: none of them is more right than the other.",
        "expect_compound_columns_to_be_unique",
        "two bars of AAPL on one day from one source",
        acceptable=False,
    ),
    Rule(
        "V02",
        "Open, high, low and close are not NULL",
        "V03, V04, V05, V07 and V08 do not judge a NULL on top.",
        "expect_column_values_to_not_be_null",
        "open NULL",
        acceptable=False,
    ),
    Rule(
        "V03",
        "Prices are finite, and > 0 where the asset class demands it",
        "Any finite value where `any_sign` is not 0; else > 0. V04, V05, V07 and V08 do not judge "
        "a NaN or an infinity on top.",
        _BETWEEN,
        "a share with low 0.0",
        parameters={"any_sign": 0.0},
        by_class=_UNSIGNED,
        acceptable=False,
    ),
    Rule(
        "V04",
        "High is at least open, close and low",
        "Relative `tolerance`; judged on the finite values.",
        _PAIR,
        "high 7.133 with open and close near 71",
        parameters={"tolerance": 1e-9},
    ),
    Rule(
        "V05",
        "Low is at most open, close and high",
        "Relative `tolerance`; judged on the finite values.",
        _PAIR,
        "low 13 with open 12",
        parameters={"tolerance": 1e-9},
    ),
    Rule(
        "V06",
        "Volume is finite and >= 0, or NULL where the source has none",
        "NULL passes (FX has no volume); NaN and infinities fail.",
        _BETWEEN,
        "volume -1",
    ),
    Rule(
        "V07",
        "A bar without volume has one price",
        "Volume 0 with high different from low.",
        _ROWS,
        "volume 0 with high 15 and low 10",
        severities=("warning",),
    ),
    Rule(
        "V08",
        "The volume-weighted average price lies between low and high",
        "Relative `tolerance`; NULL passes, NaN and infinities fail.",
        _PAIR,
        "vwap 16 with high 15",
        severities=("warning",),
        parameters={"tolerance": 1e-6},
    ),
    Rule(
        "V09",
        "The session is one of the calendar",
        "As the pinned calendar package says.",
        _IN_SET,
        "a share's bar of a Saturday",
    ),
    Rule(
        "V10",
        "The session is neither in the future nor before the source's start",
        "Not after the UTC date of fetched_at; not before coverage_start (1900-01-01 if NULL).",
        _BETWEEN,
        "a bar of tomorrow",
    ),
    Rule(
        "V11",
        "The bar was final when it was fetched",
        "bar_close_at <= fetched_at; a session without a known close fails. The next fetch after "
        "the close heals it. Not judged where V09 fails: no session, no close.",
        _ROWS,
        "a bar fetched at noon of its session",
        severities=("hold",),
    ),
    Rule(
        "V12",
        "The listing was active on the session",
        "Within valid_from..valid_to of one of the source's listings of the instrument; not judged "
        "where the caller gives no listings.",
        _IN_SET,
        "a bar a year after the delisting",
        severities=("warning",),
    ),
    Rule(
        "V13",
        "A session brings about as many rows as the 20 sessions before",
        "Rows of a source's session against the median of its 20 sessions before; not judged with "
        "fewer than `sessions` before, or a median below `rows`. More than `warn` apart: warning; "
        "more than `error` below: the session is held.",
        "expect_table_row_count_to_be_between",
        "200 rows where 500 are usual",
        scope="batch",
        severities=("error", "warning"),
        parameters={"sessions": 20, "rows": 20, "warn": 0.10, "error": 0.50},
    ),
    Rule(
        "V14",
        "Every tracked listing has a bar",
        "Tracked and valid on a session of the calendar, but no raw bar; error where one of them "
        "is of tier T1. Reported, never holds the session: the other rows are none the worse.",
        "expect_column_distinct_values_to_contain_set",
        "AAPL tracked, no bar on a Tuesday",
        scope="batch",
        severities=("error", "warning"),
    ),
    Rule(
        "V15",
        "No session is missing since the bar before",
        "Daily bars; more than `sessions` sessions of the calendar between a bar and the one "
        "before it. A gap longer than the look-back is a new beginning and is not judged.",
        "expect_query_results_to_match_comparison",
        "a bar of Friday after one of Tuesday",
        scope="series",
        severities=("warning",),
        parameters={"sessions": 0},
    ),
    Rule(
        "V16",
        "The return is in line with the 60 sessions before",
        "|0.6745 (r - median) / MAD| > `z` and |r| > `move`; MAD at least 1 bp; at least `bars` "
        "returns before. Splits and dividends on record are taken out of r.",
        _ROWS,
        "[.001, -.002, .003, 0, .002, -.001, .001] and then .5: z = 224.4",
        scope="series",
        severities=("warning",),
        parameters={"z": 10, "move": 0.10, "bars": 7},
    ),
    Rule(
        "V17",
        "The return keeps to the cap of its class",
        "|r| > `cap` both to the bar before and to the median of the 60 sessions before (the way "
        "back from a bad bar is no fault), with splits and dividends taken out and without; not "
        "judged where another action (spin-off, merger) is on record, or with fewer than `bars` "
        "before (a first day's price is no reference).",
        _BETWEEN,
        "a share from 100 to 20 without an action",
        scope="series",
        severities=("hold",),
        parameters={"cap": 0.75, "bars": 5},
        by_class={"fx": {"cap": 0.10}, "crypto": {"cap": 0.90}, **_NO_CAP},
    ),
    Rule(
        "V18",
        "Prices and volume do not stand still",
        "Identical open, high, low, close and volume for `warn` bars in a row: warning; for "
        "`error` bars: rejected. A quotation (one price, no volume known) is not judged.",
        _ROWS,
        "ten sessions of 12, 15, 10, 13.5 and 1000 units",
        scope="series",
        severities=("error", "warning"),
        parameters={"warn": 3, "error": 10},
    ),
    Rule(
        "V19",
        "The volume is in line with the 60 sessions before",
        "Volume > `times` the median of at least `bars` before.",
        _ROWS,
        "volume 30,000 where 1,000 are usual",
        scope="series",
        severities=("info",),
        parameters={"times": 20, "bars": 20},
    ),
    Rule(
        "V20",
        "No price moves like a split that is not on record",
        "|ln(C/C before) + ln q| <= `tolerance` for q in 2, 3, 4, 5, 10, 20, 3/2, 4/3 and their "
        "inverses: warning. Held where q >= 2 or <= 1/2, the open moves by the same q, the volume "
        "goes from its median of 20 sessions by a factor within 2 of q in the same direction, and "
        "the level persists for 3 sessions (those that have come). Once it does not, the row is "
        "released, known from that session's close on.",
        _ROWS,
        "100 to 50 at the open already, twice the volume, and it stays",
        scope="series",
        severities=("hold", "warning"),
        parameters={"tolerance": 0.03},
    ),
    Rule(
        "V21",
        "A split on record shows in as-traded prices",
        "Off ln q by more than `tolerance` and nearer to no jump than to q: adjusted twice.",
        _ROWS,
        "a 2:1 split on record, 100 to 101",
        scope="series",
        severities=("hold",),
        parameters={"tolerance": 0.10},
    ),
    Rule(
        "V22",
        "No price is off by a factor of 100",
        "A step within `tolerance` of 100 or 1/100, not yet taken back within 60 sessions, while "
        "the price is more than 30-fold off the median of these sessions: rejected. One of open, "
        "high and low that would lie among the bar's other prices with its point moved by one or "
        "two places: warning (a true flash crash may look like it).",
        _ROWS,
        "a share in pence among pounds: 5.1, 5.2, 519",
        scope="series",
        severities=("error", "warning"),
        parameters={"tolerance": 0.02},
    ),
    Rule(
        "V23",
        "Sources agree on the close",
        "Same basis, instrument and bar. Two sources further than `tolerance` apart: warning on "
        "both. Three or more: the outlier is rejected where two others agree with the median; "
        "where none agree all are warned. Where `by_score` is not 0 others stand in for a refused "
        "one by their reliability score (docs/reliability.md).",
        "expect_column_pair_values_to_be_equal",
        "100, 100.1 and 103 from three sources",
        scope="cross-source",
        severities=("error", "warning"),
        parameters={"tolerance": 0.005, "by_score": 0},
        by_class={"fx": {"tolerance": 0.002}, "crypto": {"tolerance": 0.01}},
    ),
    Rule(
        "V24",
        "The open is near the close before",
        "More than `gap` apart, splits and dividends taken out.",
        _ROWS,
        "close 100, then open 130",
        scope="series",
        severities=("info",),
        parameters={"gap": 0.25},
    ),
    Rule(
        "V25",
        "Interval, basis and tick are known",
        "The interval and the adjustment are among the declared ones, the quote is not empty, and "
        "prices are multiples of `tick` (0: no tick known), to 1e-6 of a tick or 1e-9 of the "
        "price.",
        "expect_table_columns_to_match_set",
        "a price of 10.005 with a tick of 0.01",
        parameters={"tick": 0.0},
    ),
    Rule(
        "V26",
        "A session is no copy of another",
        "More than `share` of a source's rows equal, volume included, the rows of one of its five "
        "sessions before; at least `rows` rows with a volume above 0: the session is held.",
        "expect_query_results_to_match_comparison",
        "Tuesday's file is Monday's with another date",
        scope="batch",
        parameters={"share": 0.95, "rows": 20},
    ),
    Rule(
        "V27",
        "Values once stored are not restated",
        "A fetched value differs from the stored one by more than `tolerance` relative: counted, "
        "the old version is in the ledger; more than `share` of the rows of a fetch: warning.",
        "expect_query_results_to_match_comparison",
        "6 of 100 closes differ from last week's",
        scope="batch",
        severities=("warning", "info"),
        parameters={"tolerance": 1e-6, "share": 0.01},
    ),
    Rule(
        "V28",
        "An index is whole",
        "Weights sum to 1, at least 98 % of N (or all eligible) constituents, none twice, level "
        "> 0: error. |return| > `move`: warning.",
        "expect_column_sum_to_be_between",
        "weights that sum to 0.9",
        scope="index",
        severities=("error", "warning"),
        parameters={"tolerance": 1e-9, "share": 0.98, "move": 0.15},
    ),
    Rule(
        "V29",
        "The weights of a fund's holdings sum to about 1",
        "Within `low`..`high`; a report without weights is not judged.",
        "expect_column_sum_to_be_between",
        "weights that sum to 0.5",
        scope="holdings",
        severities=("warning",),
        parameters={"low": 0.95, "high": 1.05},
    ),
    Rule(
        "V30",
        "Missing observations keep to the series' norm",
        "The share of NULL values of a year (FRED's `.`), against that of the years before, at "
        "most `times` as high and `share` above it.",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "30 of 250 days NULL where 9 are usual",
        scope="observations",
        severities=("info",),
        parameters={"times": 2, "share": 0.02},
    ),
)
BY_ID = {rule.id: rule for rule in RULES}
ROW_RULES = tuple(r for r in RULES if r.scope == "row")
ERRORS = tuple(r for r in RULES if r.blocks)
WARNINGS = tuple(r for r in RULES if not r.blocks)
