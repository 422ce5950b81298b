"""What a fetch says that it stored is what the file had, counted by hand."""

from datetime import date

import pytest

from fundplatform.chunks import Stored
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Source
from fundplatform_tests.dropped import folder
from fundplatform_tests.pipeline import make

YAML = "kind: economic\ncalendar: daily\nstart: 2024-01-02\nend: 2024-01-05\n"
HEADER = "session,symbol,value\n"
FIRST, LAST = date(2024, 1, 2), date(2024, 1, 5)


def mine(settings: Settings) -> list[Source]:
    return [s for s in register.load(settings).sources if s.spec.name == "mine"]


@pytest.mark.slow
def test_a_fetch_counts_new_changed_unchanged_and_refused_rows(settings: Settings) -> None:
    """At first two rows; then one as it was, one changed, one new and two that are no rows."""
    file = folder(settings, "mine", YAML) / "a.csv"
    file.write_text(HEADER + "2024-01-02,DGS10,4.5\n2024-01-03,DGS10,4.6\n")
    made = make(settings, mine(settings))
    made.fetch(FIRST, LAST)
    lines = ["2024-01-02,DGS10,4.5", "2024-01-03,DGS10,4.7", "2024-01-04,DGS10,4.8"]
    file.write_text("\n".join([HEADER.strip(), *lines, "x,DGS10,1", "y,DGS10,1", ""]))
    for _ in range(2):
        again = make(settings, mine(settings))
        job = again.job(FIRST, LAST, refetch=True)
        made.outcomes += job.execute(job.fetches(), lambda chunk: None, lambda outcome: None)
    why = "unparseable: session 'x' is no date"
    first, second, third = (outcome.stored for outcome in made.outcomes)
    assert first == Stored(2, 0, 0, rows=2)
    assert second is not None
    assert second.reason.startswith(why)
    assert (second.inserted, second.updated, second.unchanged) == (1, 1, 1)
    assert (second.refused, second.rows) == (2, 3)
    # What was refused before is refused again.
    assert third is not None
    assert (third.inserted, third.updated, third.unchanged, third.refused) == (0, 0, 3, 2)


@pytest.mark.slow
def test_of_what_has_no_partitions_the_rows_of_before_are_still_there(settings: Settings) -> None:
    """A split that was read, then a file in which its date cannot be read: it stays stored."""
    header = "symbol,action,ex_date,ratio\n"
    yaml = "kind: corporate_actions\nstart: 2024-01-02\n"
    file = folder(settings, "mine", yaml) / "a.csv"
    file.write_text(header + "AAPL,split,2024-01-05,2\n")
    made = make(settings, mine(settings))
    made.fetch(FIRST, LAST)
    file.write_text(header + "AAPL,split,05/01/2024,2\n")
    job = make(settings, mine(settings)).job(FIRST, LAST, refetch=True)
    (again,) = job.execute(job.fetches(), lambda chunk: None, lambda outcome: None)
    assert again.stored is not None
    assert (again.stored.refused, again.stored.rows) == (1, 1)
