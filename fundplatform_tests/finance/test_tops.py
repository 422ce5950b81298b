"""The first names of many sessions at once, against each session sorted by itself."""

import numpy as np

from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.tops import tops


def untied(row: int, wanted: int) -> Ints:
    raise AssertionError(f"row {row} has no ties among {wanted}")


def test_the_largest_of_every_row_in_order() -> None:
    measure = np.random.default_rng(3).permuted(
        np.tile(np.arange(1.0, 11.0), (150, 1)), axis=1
    )  # More rows than are looked at together; ten names, three asked for.
    ranked = np.ones(measure.shape, dtype=np.bool_)
    ranked[:, 4] = False
    ranked[7] = False
    ranked[7, 2] = True
    found = tops(measure, ranked, 3, untied)
    for row in range(len(measure)):
        there = [c for c in range(10) if ranked[row, c]]
        best = sorted(there, key=lambda c: -measure[row, c])[:3]
        assert found.of(row).tolist() == best
        assert [found.rank[row, c] for c in best] == list(range(1, len(best) + 1))
        assert (found.rank[row] > 0).sum() == len(best)
    assert found.count[7] == 1


def test_a_tie_of_the_last_with_who_is_beyond_it_is_settled() -> None:
    asked: list[tuple[int, int]] = []

    def settle(row: int, wanted: int) -> Ints:
        asked.append((row, wanted))
        return np.array([3, 1, 0, 2], dtype=np.int32)

    measure = np.array([[5.0, 5.0, 1.0, 9.0], [4.0, 3.0, 2.0, 1.0]])
    found = tops(measure, np.ones(measure.shape, dtype=np.bool_), 2, settle)
    assert asked == [(0, 3)]
    assert [found.of(row).tolist() for row in (0, 1)] == [[3, 1], [0, 1]]
