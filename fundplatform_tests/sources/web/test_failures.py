"""Each kind of failure has one stated consequence: the table of docs/vendors.md is the code's."""

import re
from pathlib import Path

import pytest

from fundplatform.sources.web.failures import Consequence, Failure, VendorError

PAGE = Path(__file__).parents[3] / "docs" / "vendors.md"
_ROW = re.compile(r"^\| `([a-z_]+)` \| [^|]+ \| ([a-z ]+) \| [^|]+ \|$", re.MULTILINE)


def stated() -> dict[str, str]:
    return dict(_ROW.findall(PAGE.read_text("utf-8")))


def test_the_page_states_the_consequence_of_each_failure() -> None:
    assert stated() == {str(f): str(f.consequence) for f in Failure}


def test_each_consequence_is_used() -> None:
    assert {f.consequence for f in Failure} == set(Consequence)


@pytest.mark.parametrize("failure", Failure)
def test_an_error_says_its_kind_first(failure: Failure) -> None:
    error = VendorError("acme", failure, "why", "What to do")
    assert str(error).startswith(f"source acme: {failure}: why")
