"""One attempt to fetch, on the record: refused while a source rests, noted when it fails.

In: a source and what to ask for. Out: its batch and the attempt that the load will carry. What a
failure is stands in sources/, how health follows in health.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

from fundplatform.clock import Clock
from fundplatform.errors import SourceError
from fundplatform.health import Terms
from fundplatform.sources.base import Batch, Kind, Source
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.journal import Fetching, Tally
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.sources.web.timing import most_per_day
from fundplatform.storage.syncs import Attempt, Syncs


@dataclass(frozen=True)
class Wanted:
    """What one attempt asks for.

    Attributes:
        kind: Kind of data.
        first: First session.
        last: Last session.
        symbols: Only these vendor symbols, where not all.
    """

    kind: Kind
    first: date
    last: date
    symbols: tuple[str, ...] | None = None


@dataclass
class Fetched:
    """What came, and the record of it."""

    batch: Batch
    attempt: Attempt
    terms: Terms = field(default_factory=Terms)


def terms_of(source: Source) -> Terms:
    """What is agreed with the source's vendor; nothing for files."""
    profile = source.access.profile if isinstance(source, OnTheWeb) else None
    return Terms(most_per_day(profile.rates), profile.day_zone) if profile else Terms()


def only(source: Source, symbols: tuple[str, ...] | None) -> Source:
    """The source, asked for these of its tracked symbols alone."""
    if symbols is None or not isinstance(source, OnTheWeb):
        return source
    some = tuple(t for t in source.access.tracked if t.vendor_symbol in symbols)
    return replace(source, access=replace(source.access, tracked=some))  # type: ignore[type-var]


def attempt(
    source: Source, wanted: Wanted, clock: Clock, syncs: Syncs, run_id: str, asset: str
) -> Fetched:
    """Fetch, and note it if that fails.

    Raises:
        SourceError: The source rests after failures, or the fetch failed.
    """
    begun = clock()
    blank = Attempt(
        attempt_id=f"{run_id}/{asset}/{begun:%H%M%S%f}",
        source=source.spec.name,
        kind=str(wanted.kind),
        status="failed",
        started_at=begun,
        finished_at=begun,
        first_session=wanted.first,
        last_session=None if wanted.last == date.max else wanted.last,
        symbols=",".join(wanted.symbols) if wanted.symbols is not None else None,
    )
    terms = terms_of(source)
    if isinstance(source, OnTheWeb):
        _refuse_while_resting(source, blank, terms, syncs, run_id)
    tally = Tally()
    try:
        with _noted(source, wanted, clock) as tally:
            batch = source.fetch(wanted.kind, wanted.first, wanted.last, now=begun)
    except BaseException as error:
        failed = replace(
            blank,
            finished_at=clock(),
            calls=tally.calls,
            failure=str(error.failure) if isinstance(error, VendorError) else "unreadable",
            problem=str(error) if isinstance(error, SourceError) else type(error).__name__,
        )
        syncs.record(failed, terms, run_id)
        raise
    done = replace(
        blank,
        status="ok",
        finished_at=clock(),
        calls=tally.calls,
        sessions_absent=len(batch.absent),
        symbols_skipped=batch.skipped.height,
    )
    return Fetched(batch, done, terms)


def _refuse_while_resting(
    source: Source, blank: Attempt, terms: Terms, syncs: Syncs, run_id: str
) -> None:
    health = syncs.health(blank.source, terms, blank.started_at)
    if health.paused_until is None:
        return
    problem = (
        f"it rests until {health.paused_until:%Y-%m-%d %H:%M} UTC after "
        f"{health.consecutive_failures} failures in a row, the last one {health.last_failure}"
    )
    syncs.record(
        replace(blank, status="paused", failure=health.last_failure, problem=problem),
        terms,
        run_id,
    )
    raise SourceError(
        blank.source,
        problem,
        f"Then it is asked again; `fundplatform sources check {blank.source}` asks now",
    )


@contextmanager
def _noted(source: Source, wanted: Wanted, clock: Clock) -> Iterator[Tally]:
    """Count the requests of the fetch, where the source makes any."""
    access = source.access if isinstance(source, OnTheWeb) else None
    if access is None or access.journal is None:
        yield Tally()
        return
    fetching = Fetching(
        source.spec.name, wanted.kind, wanted.first, wanted.last, clock(), access.tracked
    )
    with access.journal.fetch(fetching) as tally:
        yield tally
