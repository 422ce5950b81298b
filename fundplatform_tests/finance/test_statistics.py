"""The statistics kernel against methodology B3, to its printed digits, and its edges."""

import numpy as np
import pytest

from fundplatform.finance.metrics import max_drawdown, statistics

B3_PRICES = [100, 102, 99.96, 104.958, 103.90842, 103.90842]
B3_RETURNS = np.array([0.02, -0.02, 0.05, -0.01, 0.0])


def test_b3_to_the_printed_digits() -> None:
    found = statistics(B3_RETURNS, periods_per_year=252, risk_free_rate=0.0)
    assert float(found.mean) == pytest.approx(0.008, abs=1e-15)
    assert round(float(found.std), 10) == 0.0277488739
    assert round(100 * float(found.volatility), 5) == 44.04997
    assert round(float(found.sharpe), 6) == 4.576620
    assert round(100 * float(found.downside), 6) == 15.874508
    assert round(float(found.sortino), 6) == 12.699606
    with_rate = statistics(B3_RETURNS, periods_per_year=252, risk_free_rate=0.05)
    assert round(float(with_rate.sharpe), 6) == 4.465849
    assert float(with_rate.sortino) == float(found.sortino)
    assert float(max_drawdown(np.array(B3_PRICES))) == pytest.approx(-0.02, abs=1e-15)


def test_b3_beside_a_series_with_absent_days() -> None:
    # The same five returns with holes between them give the same statistics.
    returns = np.zeros((8, 2))
    present = np.zeros((8, 2), dtype=np.bool_)
    returns[:5, 0], present[:5, 0] = B3_RETURNS, True
    returns[[0, 2, 3, 5, 7], 1], present[[0, 2, 3, 5, 7], 1] = B3_RETURNS, True
    found = statistics(returns, periods_per_year=252, risk_free_rate=0.05, present=present)
    assert found.sharpe.round(6).tolist() == [4.465849, 4.465849]
    assert found.sortino.round(6).tolist() == [12.699606, 12.699606]
    assert (100 * found.volatility).round(5).tolist() == [44.04997, 44.04997]


def test_edge_results_of_the_statistics() -> None:
    def of(*values: float) -> tuple[float, ...]:
        found = statistics(np.array(values), periods_per_year=252, risk_free_rate=0.0)
        return float(found.volatility), float(found.sharpe), float(found.sortino)

    np.testing.assert_equal(of(0.01, 0.01, 0.01), (0.0, np.nan, np.nan))
    # 1.001 to the powers 1, 2, 3: equal returns but for the last bit of each.
    powers = np.array([1.001**i for i in range(400)])
    np.testing.assert_equal(of(*(powers[1:] / powers[:-1] - 1)), (0.0, np.nan, np.nan))
    np.testing.assert_equal(of(0.01)[:2], (np.nan, np.nan))
    assert np.isnan(of(0.01, 0.02)[2])
    assert of(-0.01, -0.01)[2] == pytest.approx(-(252**0.5))


def test_two_passes_keep_the_digits() -> None:
    # Mean 1, deviations +-1e-9: sums of squares would leave nothing of the variance.
    values = np.array([1 + 1e-9, 1 - 1e-9] * 50)
    found = statistics(values, periods_per_year=1, risk_free_rate=0.0)
    assert float(found.std) == pytest.approx(1e-9 * (100 / 99) ** 0.5, rel=1e-6)


def test_drawdown_counts_a_loss_on_the_first_session() -> None:
    assert float(max_drawdown(np.array([100.0, 90.0, 95.0]))) == pytest.approx(-0.1)
    assert float(max_drawdown(np.array([100.0, 110.0, 120.0]))) == 0.0
    both = np.array([[100.0, 50.0], [120.0, 40.0], [60.0, 60.0]])
    assert max_drawdown(both).tolist() == pytest.approx([-0.5, -0.2])
