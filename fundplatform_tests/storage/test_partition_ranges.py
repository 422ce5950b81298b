"""A range of partition keys becomes the same subset as in Dagster, and is walked through once."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from fundplatform.storage import partition_ranges

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01", exclusions=["0 0 * * 6"])
OTHER = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
SPAN = dg.PartitionKeyRange("2024-01-02", "2024-01-10")


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """The ranges that Dagster's own code was asked for."""
    asked: list[object] = []
    real = partition_ranges._from_range

    def noted(*given: object) -> object:
        asked.append(given[2])
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(partition_ranges, "_from_range", noted)
    partition_ranges._last.clear()
    partition_ranges.remember_ranges()
    yield asked
    partition_ranges._last.clear()


def keys(definition: dg.PartitionsDefinition[str], span: dg.PartitionKeyRange) -> list[str]:
    return list(
        definition.empty_subset().with_partition_key_range(definition, span).get_partition_keys()
    )


def test_a_range_is_walked_through_once(walked: list[object]) -> None:
    # 2024-01-06 was a Saturday, the sixth day for cron.
    expected = [f"2024-01-{n:02}" for n in (2, 3, 4, 5, 7, 8, 9, 10)]
    assert keys(DAYS, SPAN) == keys(DAYS, SPAN) == expected
    assert walked == [SPAN]


def test_another_definition_and_another_range_are_their_own(walked: list[object]) -> None:
    assert len(keys(DAYS, SPAN)) == 8
    assert len(keys(OTHER, SPAN)) == 9
    assert keys(DAYS, dg.PartitionKeyRange("2024-01-02", "2024-01-03")) == [
        "2024-01-02",
        "2024-01-03",
    ]
    assert len(walked) == 3


def test_what_is_added_to_a_subset_is_not_remembered(walked: list[object]) -> None:
    more = dg.PartitionKeyRange("2024-01-10", "2024-01-12")
    subset = DAYS.empty_subset().with_partition_keys(["2024-01-02"])
    both = subset.with_partition_key_range(DAYS, more)
    assert sorted(both.get_partition_keys()) == [
        "2024-01-02",
        "2024-01-10",
        "2024-01-11",
        "2024-01-12",
    ]
    assert keys(DAYS, more) == ["2024-01-10", "2024-01-11", "2024-01-12"]


def test_all_keys_are_walked_through_once_and_grow_with_the_clock(
    monkeypatch: pytest.MonkeyPatch, walked: list[object]
) -> None:
    asked: list[object] = []
    real = partition_ranges._all_keys

    def noted(definition: object) -> object:
        asked.append(definition)
        return real(definition)  # type: ignore[arg-type]

    monkeypatch.setattr(partition_ranges, "_all_keys", noted)
    growing = dg.DailyPartitionsDefinition("2024-01-05", exclusions=["0 0 * * 6"])
    for _ in range(2):
        some = growing.get_partition_keys(datetime(2024, 1, 8, 23, tzinfo=UTC))
        assert some == ["2024-01-05", "2024-01-07"]
        some[:0] = ["mine"]  # What a caller does to it stays with the caller
    assert len(asked) == 1
    assert growing.get_partition_keys(datetime(2024, 1, 9, tzinfo=UTC))[-1] == "2024-01-08"
    assert OTHER.get_partition_keys()[-1] == "2024-01-31"
    assert len(asked) == 3
