"""The page of a comparison in a real browser: for narrow screens, in the dark, without eyes."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from fundplatform.compare import compare
from fundplatform.reports.comparison import TITLES, render
from fundplatform_tests.reports.accessibility import audit
from fundplatform_tests.reports.browser import chromium, cut_on_paper, look
from fundplatform_tests.test_compare import HELD, A, inputs, metric

JUDGED = {
    "color-contrast", "document-title", "heading-order", "html-has-lang", "landmark-one-main",
    "page-has-heading-one", "region", "svg-img-alt", "tabindex", "td-headers-attr",
    "th-has-data-cells",
}  # fmt: skip
"""Rules of axe-core that must have found something to judge on the page."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every section there is: five funds, so that all colours of lines are on it, and a warning."""
    days = [str(date(2023, 1, 2) + timedelta(days=7 * n)) for n in range(60)]
    values = {
        name: {day: 100.0 + step * n + n % step for n, day in enumerate(days)}
        for step, name in enumerate("ABCDE", 2)
    }
    found = compare(
        inputs(
            values,
            metrics=[metric(name, "1Y", 0.1) for name in values],
            ratios={"A": 0.0122, "B": 0.0003, "C": 1.22},
            held=HELD,
        )
    )
    assert {n for n, table in found.tables.items() if not table.is_empty()} >= {*TITLES} - {
        "same_holdings_higher_fee", "countries",
    }  # fmt: skip
    assert found.notes
    written = tmp_path_factory.mktemp("comparison") / "comparison.html"
    written.write_text(render(found), "utf-8")
    return written


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_read_without_eyes_or_mouse(page: Path, tmp_path: Path, dark: bool) -> None:
    chromium()
    found = audit(page, tmp_path, dark=dark)
    assert found.wrong == ()
    assert found.passes >= JUDGED


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.slow), 375])
def test_in_a_real_browser(page: Path, tmp_path: Path, width: int) -> None:
    chromium()
    seen = look(page, tmp_path, width)
    assert (seen.errors, seen.requests) == ([], 0)
    assert seen.overflow <= 0


@pytest.mark.slow
def test_on_paper(page: Path, tmp_path: Path) -> None:
    chromium()
    assert cut_on_paper(page, tmp_path) <= 0


def test_the_page_has_four_places_and_no_loss_of_everything_that_is_none() -> None:
    page = render(compare(inputs({"A": {"2023-01-02": 100.0, "2024-01-02": 0.005}, "B": A})))
    assert "<td class=n>-0.99995</td>" in page
    assert "<td class=n>0.2</td>" in page
