"""The payload archive: every answer as it came, and which fetch asked for it.

    payloads/archive/bodies/ab/ab12….zst       a body, by the SHA-256 of its bytes, once
    payloads/archive/massive/20260105T….jsonl   one fetch: what it was asked, each request and its
                                                answer, how it ended

Failed answers are kept as well. No key is in here: requests are noted without it, and the client
blanks it in bodies. A fetch that has ended is on the disk, with its bodies, before its rows are
loaded. Playing a fetch again is `replay.py`'s, taking one up that broke off `resume.py`'s.
"""

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind
from fundplatform.sources.web.bodies import LOST, Bodies, holding, synced
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.journal import Fetching, Request, Tally
from fundplatform.sources.web.profile import Reply, Span, Tracked

OK, FAILED, INTERRUPTED = "ok", "failed", "interrupted"
"""How a fetch ended; one that was killed says nothing."""


@dataclass
class Archive:
    """A journal that keeps what it is told.

    Attributes:
        folder: `payloads/archive`.
        source: The vendor.
        total: Requests since the process began, or of the fetch under way.
    """

    folder: Path
    source: str
    total: Tally = field(default_factory=Tally)
    _file: Path | None = None

    @property
    def bodies(self) -> Bodies:
        """The bodies of all sources."""
        return Bodies(self.folder / "bodies")

    def attempt(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """Count the request and keep its answer."""
        self.total.calls += 1
        if reply is not None:
            self.bodies.put(reply)

    def outcome(self, request: Request, reply: Reply | None, error: VendorError | None) -> None:
        """Note what the request came to."""
        if error is not None:
            self.total.failure = str(error.failure)
        if self._file is None:
            return
        line: dict[str, object] = {"path": request.path, "params": dict(request.params)}
        if reply is not None:
            line |= {
                "url": reply.url,
                "status": reply.status,
                "headers": dict(reply.headers),
                "digest": reply.digest,
                "size": len(reply.body),
                "fetched_at": reply.fetched_at.isoformat(),
            }
        if error is not None:
            line |= {
                "failure": str(error.failure),
                "problem": str(error),
                "digest": error.payload_hash,
            }
        self._write(line)

    @contextmanager
    def fetch(self, fetching: Fetching) -> Iterator[Tally]:
        """Keep one fetch in a file of its own."""
        before, self.total = self.total, Tally()
        tally = self.total
        folder = self.folder / self.source
        folder.mkdir(parents=True, exist_ok=True)
        at = f"{fetching.now:%Y%m%dT%H%M%S%f}"
        # Names give the order in which fetches are played again, also within one instant.
        number = sum(1 for _ in folder.glob(f"{at}-*"))
        self._file = folder / f"{at}-{number:03}-{secrets.token_hex(4)}.jsonl"
        end = INTERRUPTED
        try:
            with holding(self.folder, alone=False):
                self._write(_head(fetching))
                yield tally
                end = OK
        finally:
            if isinstance(sys.exception(), Exception):
                end = FAILED
            self._write({"end": end})
            for path in (self._file, folder):
                synced(path)
            self._file = None
            calls = before.calls + tally.calls
            self.total = Tally(calls, tally.failure or before.failure)

    def _write(self, line: Mapping[str, object]) -> None:
        assert self._file is not None  # noqa: S101  # only called within a fetch
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class Record:
    """One fetch as it was kept.

    Attributes:
        path: Its file.
        fetching: What was asked.
        requests: Each request and what it came to, in order.
        end: OK, FAILED or INTERRUPTED; a fetch that was killed is interrupted.
    """

    path: Path
    fetching: Fetching
    requests: tuple[Mapping[str, object], ...]
    end: str

    @property
    def ok(self) -> bool:
        """Whether the fetch succeeded."""
        return self.end == OK


def records(folder: Path, source: str) -> list[Record]:
    """The fetches of one source, oldest first; one that was killed before it began is none.

    Raises:
        SourceError: A file is not what this module writes.
    """
    found = sorted((folder / source).glob("*.jsonl"))
    return [read(path) for path in found if path.stat().st_size]


def asked(path: Path) -> Fetching:
    """What a fetch was asked, without reading the rest.

    Raises:
        SourceError: The file is not what this module writes.
    """
    try:
        with path.open() as file:
            return _asked(json.loads(file.readline()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError("archive", f"{path} cannot be read: {error!r}", LOST) from None


def read(path: Path) -> Record:
    """One fetch.

    Raises:
        SourceError: The file is not what this module writes.
    """
    try:
        text = path.read_text()
        # A full disk or a lost machine may have cut the last line: it does not count.
        whole = text if text.endswith("\n") else text[: text.rfind("\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        ended = "end" in lines[-1]
        body = lines[1:-1] if ended else lines[1:]
        end = str(lines[-1]["end"]) if ended else INTERRUPTED
        return Record(path, _asked(lines[0]), tuple(body), end)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SourceError("archive", f"{path} cannot be read: {error!r}", LOST) from None


def reply_of(line: Mapping[str, object], bodies: Bodies) -> Reply:
    """The answer that a line of a record is about.

    Raises:
        SourceError: Its body is not there, or no longer what it was.
    """
    headers = line["headers"]
    assert isinstance(headers, dict)  # noqa: S101  # as this module writes it
    digest = str(line["digest"])
    return Reply(
        url=str(line["url"]),
        status=int(str(line["status"])),
        headers=headers,
        body=bodies.get(digest, int(str(line["size"]))),
        digest=digest,
        fetched_at=datetime.fromisoformat(str(line["fetched_at"])),
    )


def _head(fetching: Fetching) -> dict[str, object]:
    span = fetching.span
    return {
        "source": fetching.source,
        "kind": str(fetching.kind),
        "first": fetching.first.isoformat(),
        "last": fetching.last.isoformat(),
        "now": fetching.now.isoformat(),
        "keyed": fetching.keyed,
        "memory": dict(fetching.memory),
        "plan": fetching.plan,
        "span": [f"{span.first}", f"{span.last}", span.sessions] if span else None,
        "tracked": [
            {n: v.isoformat() if isinstance(v, date) else _plain(v) for n, v in vars(t).items()}
            for t in fetching.tracked
        ],
    }


def _plain(value: object) -> object:
    return sorted(str(v) for v in value) if isinstance(value, (tuple, frozenset, set)) else value


def _asked(head: Mapping[str, object]) -> Fetching:
    tracked = head["tracked"]
    memory = head["memory"]
    span = head.get("span")
    assert isinstance(tracked, list) and isinstance(memory, dict)  # noqa: S101
    return Fetching(
        source=str(head["source"]),
        kind=Kind(str(head["kind"])),
        first=date.fromisoformat(str(head["first"])),
        last=date.fromisoformat(str(head["last"])),
        now=datetime.fromisoformat(str(head["now"])),
        tracked=tuple(_tracked(t) for t in tracked),
        keyed=bool(head["keyed"]),
        memory=memory,
        span=_span(span) if isinstance(span, list) else None,
        plan=str(head.get("plan") or ""),
    )


def _span(written: list[object]) -> Span:
    first, last, sessions = written
    return Span(date.fromisoformat(str(first)), date.fromisoformat(str(last)), int(str(sessions)))


def _tracked(line: Mapping[str, object]) -> Tracked:
    values = dict(line)
    for name in ("since", "until"):
        if values.get(name):
            values[name] = date.fromisoformat(str(values[name]))
    if isinstance(values.get("kinds"), list):
        values["kinds"] = frozenset(str(k) for k in values["kinds"])  # type: ignore[attr-defined]
    return Tracked(**values)  # type: ignore[arg-type]
