"""A fetch played again from the archive: the same requests, the same answers, no network."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from fundplatform.sources.web.archive import Record, reply_of
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.memory import InMemory
from fundplatform.sources.web.profile import Access, Reply, Web

_REMEDY = "The source asks otherwise than it did: fetch these sessions again with --refetch"


@dataclass
class ReplayWeb:
    """`Web` out of one recorded fetch; a request asked twice gets its answers in turn.

    Attributes:
        live: Only to name requests as they were named: it is never asked.
        record: The fetch.
        bodies: Where the answers are.
    """

    live: Web
    record: Record
    bodies: Bodies
    _left: dict[tuple[str, tuple[tuple[str, str], ...]], deque[Mapping[str, object]]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def __post_init__(self) -> None:
        """Sort the answers by what was asked."""
        for line in self.record.requests:
            params = line["params"]
            assert isinstance(params, dict)  # noqa: S101  # as archive.py writes it
            self._left[str(line["path"]), tuple(sorted(params.items()))].append(line)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """The answer that this request had.

        Raises:
            VendorError: The failure it had; or SCHEMA_CHANGED: it was never asked.
        """
        named = getattr(self.live, "request", None)
        asked = named(path, params or {}) if named else None
        key = (
            (asked.path, tuple(sorted(asked.params.items())))
            if asked
            else (path, tuple(sorted((params or {}).items())))
        )
        source = self.record.fetching.source
        if not self._left[key]:
            raise VendorError(
                source, Failure.SCHEMA_CHANGED, f"{key[0]} is not in {self.record.path}", _REMEDY
            )
        line = self._left[key].popleft()
        if "failure" in line:
            raise VendorError(
                source, Failure(str(line["failure"])), str(line["problem"]), "As recorded"
            )
        return reply_of(line, self.bodies)


def access(live: Access, record: Record, bodies: Bodies) -> Access:
    """What a source is handed to play the fetch again: tracked and remembered as it was then."""
    asked = record.fetching
    memory = InMemory({n: (str(v[0]), v[1]) for n, v in asked.memory.items()})
    return Access(
        ReplayWeb(live.web, record, bodies),
        asked.tracked,
        asked.keyed,
        memory,
        live.profile,
        span=asked.span,
    )
