"""V15 to V24 and V12, V25: for each a series that passes and one that fails, worked by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from fundplatform.finance.rules import ACTIONS, Limits, judge
from fundplatform_tests.finance.series_cases import bar, calm, day, filled, found, frame


def actions(*rows: tuple[date, str, float | None, float | None]) -> pl.DataFrame:
    made = [(1, ex, action, ratio, amount) for ex, action, ratio, amount in rows]
    return pl.DataFrame(made, schema=ACTIONS, orient="row")


def test_a_calm_series_passes() -> None:
    assert found(calm(70)) == {}


def test_v12_a_bar_outside_of_its_listing_is_warned() -> None:
    bars = filled(frame(calm(2)))
    second = (pl.col("instrument_id") == 1) & (pl.col("session") == day(1))
    judged = judge(bars.with_columns(is_listed=~second))
    assert judged.validated["warnings"].drop_nulls().to_list() == ["V12"]
    assert judged.rejected.is_empty()


def test_v15_a_bar_after_a_gap() -> None:
    rows = calm(10)
    assert found(rows[:4] + rows[5:]) == {4: "V15"}
    # A bar that came and was refused is no gap.
    bad = [*rows[:4], bar(4, 100.0, low=None), *rows[5:]]
    assert found(bad) == {4: "rejected V02"}


def test_v15_a_gap_longer_than_the_lookback_is_a_new_beginning() -> None:
    assert found([bar(0, 100.0), bar(75, 200.0)]) == {}
    assert found([bar(0, 100.0), bar(70, 100.0)]) == {1: "V15"}


def test_v16_methodology_s_example() -> None:
    """Returns .001, -.002, .003, 0, .002, -.001, .001, .5: median .001, MAD .0015, z = 224.4."""
    rows, price = [bar(0, 100.0)], 100.0
    for n, r in enumerate([0.001, -0.002, 0.003, 0.0, 0.002, -0.001, 0.001, 0.5], start=1):
        price *= 1 + r
        rows.append(bar(n, price))
    # 3/2 upward is a price like a reverse split, and the open 50 % off the close before.
    assert found(rows) == {8: "V16,V20,V24"}
    z = (224.3, 224.4)
    limits = [Limits(general={("V16", "z"): value}) for value in z]
    assert [found(rows, limits=own)[8] for own in limits] == ["V16,V20,V24", "V20,V24"]


def test_v16_needs_seven_returns_before_and_more_than_ten_percent() -> None:
    assert found([*calm(8)[:8], bar(8, 112.0)]) == {8: "V16"}
    assert found([*calm(7), bar(7, 112.0)]) == {}
    assert found([*calm(8), bar(8, 109.0)]) == {}


def test_v17_the_bad_bar_is_held_and_the_way_back_is_not() -> None:
    rows = [*calm(20), bar(20, 15.0), *(bar(n, 100.0) for n in range(21, 25))]
    assert found(rows) == {20: "rejected V17", 21: "V16,V24"}
    reason = judge(filled(frame(rows))).rejected["reason"].item()
    assert reason == "close 15 after 100.1: beyond 75% without an action"


@pytest.mark.parametrize(
    ("asset_class", "close", "held"),
    [
        ("equity", 176.0, True),
        ("equity", 174.0, False),
        ("crypto", 176.0, False),
        ("crypto", 191.0, True),
        ("fx", 111.0, True),
        ("fx", 109.0, False),
        ("commodity", 300.0, False),
        ("new", 176.0, True),
    ],
)
def test_v17_caps_by_class(asset_class: str, close: float, held: bool) -> None:
    rows = [*calm(20, asset_class=asset_class), bar(20, close, asset_class=asset_class)]
    assert ("V17" in found(rows).get(20, "")) is held


def test_v17_needs_five_bars_before() -> None:
    """Chipotle, 2006-01-26: 22 at the offering, 44 on the first day."""
    assert found([*calm(4, 22.0), bar(4, 44.0)]) == {4: "V20,V24"}
    assert found([*calm(5, 22.0), bar(5, 44.0)]) == {5: "rejected V17"}


def test_v17_a_special_dividend_explains_the_fall() -> None:
    """KDP, 2018-07-10: 103.75 paid on a share of about 122."""
    rows = [*calm(20, 122.0), *(bar(n, 18.5) for n in range(20, 24))]
    assert found(rows)[20].startswith("rejected V17")
    assert found(rows, actions=actions((day(20), "special_dividend", None, 103.75))) == {}
    # A small one explains nothing, another action takes the row out of the rule.
    assert "V17" in found(rows, actions=actions((day(20), "dividend", None, 0.5)))[20]
    assert "V17" not in found(rows, actions=actions((day(20), "spin_off", None, None)))[20]


@pytest.mark.parametrize("action", ["split", "stock_dividend"])
def test_a_stock_dividend_explains_its_jump_as_a_split_does(action: str) -> None:
    """One new share for each, on double the volume; without it on record a bar like that waits."""
    rows = [*calm(20), *(bar(n, 50.0 + n % 2 / 10, volume=4000.0 + n) for n in range(20, 26))]
    assert found(rows)[20] == "rejected V20"
    assert found(rows, actions=actions((day(20), action, 2.0, None))) == {}


def test_v17_wti_below_zero_is_no_fault() -> None:
    """FRED: 18.31 on 2020-04-17, -36.98 on the 20th, 8.91 on the 21st."""
    closes = [20.0 + n % 3 / 10 for n in range(20)] + [18.31, -36.98, 8.91]
    rows = [bar(n, c, asset_class="commodity") for n, c in enumerate(closes)]
    verdict = found(rows)
    assert not [v for v in verdict.values() if v.startswith("rejected")]


def same(n: int, **change: Any) -> dict[str, Any]:  # noqa: ANN401
    return bar(n, 100.0, volume=500.0, **change)


def test_v18_warns_of_three_and_refuses_from_ten() -> None:
    assert found([same(n) for n in range(2)]) == {}
    assert found([same(n) for n in range(12)]) == {
        **dict.fromkeys(range(2, 9), "V18"),
        **dict.fromkeys(range(9, 12), "rejected V18"),
    }


def test_v18_a_run_ends_with_any_difference_and_quotations_are_not_judged() -> None:
    rows = [same(n) if n != 5 else bar(n, 100.0) for n in range(9)]
    assert found(rows) == {n: "V18" for n in (2, 3, 4, 8)}
    pegged = [
        bar(n, 1.9558, asset_class="fx", volume=None, high=1.9558, low=1.9558) for n in range(20)
    ]
    assert found(pegged) == {}
    stuck = [bar(n, 1.1, asset_class="fx", volume=None) for n in range(11)]
    assert found(stuck)[10] == "rejected V18"


def test_v19_volume_of_more_than_twenty_times_the_median() -> None:
    rows = calm(30, volume=100.0)
    rows = [{**r, "volume": 100.0 + n % 2} for n, r in enumerate(rows)]
    assert found([*rows, bar(30, 100.0, volume=2021.0)]) == {30: "V19"}
    assert found([*rows, bar(30, 100.0, volume=2000.0)]) == {}
    assert found([*rows[:19], bar(19, 100.0, volume=9000.0)]) == {}


def split_like(stays: int, **change: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """20 bars near 100, then 50 at the open already with twice the volume, for `stays` bars."""
    rows = [*calm(20), bar(20, 50.0, volume=2010.0, **change)]
    return rows + [bar(n, 50.0, volume=2000.0 + n) for n in range(21, 20 + stays)]


def test_v20_a_move_like_a_split_is_held() -> None:
    assert found(split_like(4))[20] == "rejected V20"
    # Nothing came after it yet.
    assert found(split_like(1))[20] == "rejected V20"


def test_v20_is_explained_by_the_split_on_record() -> None:
    assert found(split_like(4), actions=actions((day(20), "split", 2.0, None))) == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"open": 99.0, "high": 99.5}, "the open did not move"),
        ({"volume": 1000.0}, "the volume did not follow"),
        ({"volume": None}, "no volume to see"),
        ({"volume": 9000.0}, "the volume of a crash"),
    ],
)
def test_v20_a_bare_price_match_only_warns(change: dict[str, Any], why: str) -> None:
    rows = split_like(4)
    rows[20] |= change
    assert "V20" in found(rows)[20], why
    assert not found(rows)[20].startswith("rejected"), why


def test_v20_three_for_two_only_warns() -> None:
    rows = [*calm(20), *(bar(n, 100 / 1.5, volume=1500.0 + n) for n in range(20, 24))]
    assert found(rows)[20] == "V16,V20,V24"


def test_v20_a_level_that_does_not_last_is_released_and_known_from_then_on() -> None:
    rows = [*split_like(2), bar(22, 100.0), bar(23, 100.1)]
    verdict = found(rows)
    assert verdict[20].split(",")[:2] == ["V16", "V20"]
    validated = judge(filled(frame(rows))).validated.filter(pl.col("instrument_id") == 1)
    known = dict(validated.select("session", "known_at").rows())
    assert known[day(20)] == datetime.combine(day(22), datetime.min.time(), UTC) + timedelta(
        hours=21
    )
    assert known[day(19)].date() == day(19)


def test_v21_a_split_on_record_without_a_jump() -> None:
    assert found(calm(24), actions=actions((day(20), "split", 2.0, None))) == {20: "rejected V21"}
    adjusted = calm(24, adjustment="split")
    assert found(adjusted, actions=actions((day(20), "split", 2.0, None))) == {}
    assert found(split_like(4), actions=actions((day(20), "split", 2.0, None))) == {}


def test_v22_pence_among_pounds() -> None:
    rows = [*calm(20, 5.0), *(bar(n, 501.0) for n in (20, 21)), *(bar(n, 5.01) for n in (22, 23))]
    verdict = found(rows)
    assert verdict[20] == "rejected V17,V22"
    assert verdict[21] == "rejected V22"
    assert "rejected" not in verdict.get(22, "") + verdict.get(23, "")


def test_v22_ends_with_the_median_on_the_new_level_and_for_a_recorded_split() -> None:
    rows = [*calm(20, 5.0), *(bar(n, 500.0 + n % 2) for n in range(20, 100))]
    refused = [n for n, v in found(rows).items() if "V22" in v]
    assert refused[0] == 20
    assert refused == list(range(20, refused[-1] + 1))
    # From row 40 on half of the window is on the new level.
    assert refused[-1] == 39
    assert found(rows, actions=actions((day(20), "split", 0.01, None))) == {}


def test_v22_the_point_of_one_field_moved() -> None:
    """Stooq's ARE, 2005-03-14: low 5.3498 with open 53.603 and close 54.108."""
    are = bar(20, 54.108, open=53.603, high=54.2, low=5.3498)
    assert found([*calm(20, 53.6), are]) == {20: "V22"}
    # A flash crash need not lie ten- or hundredfold below: FXN, 2010-05-06.
    fxn = bar(20, 15.292, open=16.083, high=16.189, low=0.09305)
    assert found([*calm(20, 16.1), fxn]) == {}


def test_v22_a_tenfold_is_none_of_it() -> None:
    rows = [*calm(20, 5.0), bar(20, 50.0), *(bar(n, 5.0) for n in (21, 22))]
    assert not [v for v in found(rows).values() if "V22" in v]


def three(*closes: float) -> list[dict[str, Any]]:
    return [bar(0, c, source_id=n + 1, volume=10.0 + n) for n, c in enumerate(closes)]


def test_v23_the_outlier_of_three_is_refused() -> None:
    assert found(three(100.0, 100.1, 103.0)) == {2: "rejected V23"}
    judged = judge(filled(frame(three(100.0, 100.1, 103.0))))
    assert judged.rejected["reason"].item() == "close 103 where 2 other sources say 100.1"
    assert found(three(100.0, 100.1, 100.2)) == {}


def test_v23_two_that_disagree_are_both_warned_and_other_bases_not_compared() -> None:
    assert found(three(100.0, 101.0)) == {0: "V23", 1: "V23"}
    assert found(three(100.0, 100.4)) == {}
    mixed = three(100.0, 50.0)
    mixed[1]["adjustment"] = "split"
    assert found(mixed) == {}
    assert found(three(100.0, 103.0, 97.0)) == dict.fromkeys(range(3), "V23")


def test_v24_an_open_far_from_the_close_before() -> None:
    assert found([*calm(3), bar(3, 100.0, open=126.0, high=126.0)]) == {3: "V24"}
    assert found([*calm(3), bar(3, 100.0, open=124.0, high=124.0)]) == {}


def test_v25_ticks_intervals_and_bases() -> None:
    tick = Limits(by_class={("V25", "tick"): {"equity": 0.01}})
    good, off = bar(0, 10.0, high=10.01, low=9.99), bar(1, 10.005, high=10.02, low=9.99)
    bars = frame([good, off])
    assert judge(bars, limits=tick).rejected["rules"].to_list() == ["V25"]
    assert judge(bars).rejected.is_empty()
    odd = frame([bar(0, 10.0, interval="2h"), bar(1, 10.0, adjustment="half")])
    assert judge(odd).rejected["rules"].to_list() == ["V25", "V25"]


def test_a_row_carries_all_its_rules_in_order() -> None:
    rows = [*calm(20), bar(20, 10_010.0, open=100.0, high=101.0, low=99.0), bar(21, 100.0)]
    assert found(rows) == {20: "rejected V04,V17,V22"}


def test_one_number_for_all_where_no_class_among_them_has_its_own() -> None:
    bars = pl.DataFrame({"asset_class": ["equity", "commodity"], "instrument_id": [1, 2]})
    both = Limits().among({"equity", "commodity"}).of("V03", "any_sign", bars)
    assert isinstance(both, np.ndarray)
    assert both.tolist() == [0.0, 1.0]
    assert Limits().among({"equity"}).of("V03", "any_sign", bars.head(1)) == 0.0
