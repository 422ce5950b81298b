"""What is noted of every request: how many calls a fetch made, and how each came out.

`HttpWeb` tells a journal; the payload archive is one that also keeps the bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from fundplatform.sources.base import Kind
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.profile import Reply, Span, Tracked


@dataclass(frozen=True)
class Request:
    """What was asked: never with a key."""

    path: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class Fetching:
    """One call of `Source.fetch`: everything its requests depend on.

    `plan` names the backfill that it is a part of; `span` says how far that reaches.
    """

    source: str
    kind: Kind
    first: date
    last: date
    now: datetime
    tracked: tuple[Tracked, ...] = ()
    keyed: bool = False
    memory: Mapping[str, Sequence[object]] = field(default_factory=dict)
    span: Span | None = None
    plan: str = ""


@dataclass
class Tally:
    """What one fetch cost.

    Attributes:
        calls: Requests sent, retries included.
        failure: Kind of the last failure that a request ended with; None without one.
    """

    calls: int = 0
    failure: str | None = None


class Journal(Protocol):
    """Takes note of requests."""

    def attempt(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """One request was sent: its answer, and its failure if it is one."""
        ...

    def outcome(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """What a `get` came to, after all its attempts."""
        ...


class Recorder(Journal, Protocol):
    """A journal that also knows where a fetch begins and ends."""

    def fetch(self, fetching: Fetching) -> AbstractContextManager[Tally]:
        """Surrounds one call of `Source.fetch`; the tally is whole at its end."""
        ...


@dataclass
class Counting:
    """A journal that only counts, in total and per fetch."""

    total: Tally = field(default_factory=Tally)

    def attempt(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """Count it."""
        self.total.calls += 1

    def outcome(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """Remember a failure."""
        if error is not None:
            self.total.failure = str(error.failure)

    @contextmanager
    def fetch(self, fetching: Fetching) -> Iterator[Tally]:
        """Count the requests of one fetch by themselves."""
        before, self.total = self.total, Tally()
        tally = self.total
        try:
            yield tally
        finally:
            self.total = Tally(before.calls + tally.calls, tally.failure or before.failure)
