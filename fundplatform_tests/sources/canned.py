"""A vendor whose answers are given beforehand: path and parameters -> body, or a failure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.profile import Access, Profile, Reply, Tracked

ARRIVED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

Answer = bytes | object


@dataclass
class CannedWeb:
    """Answers by path, or by path and a part of the parameters' text; keeps what was asked.

    A body is bytes, or what `json.dumps` takes. A VendorError is raised. `Turns` come one after
    the other, the last one again and again. With a profile, its judgement is applied as the client
    does.
    """

    answers: Mapping[str, Answer]
    profile: Profile | None = None
    asked: list[str] = field(default_factory=list)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        text = "&".join(f"{n}={v}" for n, v in sorted((params or {}).items()))
        at = f"{path}?{text}"
        self.asked.append(at)
        # A key is a path, or a path with one parameter behind "?": path?ticker=AAPL
        fits = [
            key
            for key in self.answers
            if key == path
            or (key.partition("?")[0] == path and key.partition("?")[2] in text.split("&"))
        ]
        assert fits, f"no answer is given for {at}"
        return self._reply(at, self.answers[max(fits, key=len)])

    def _reply(self, at: str, given: Answer) -> Reply:
        if isinstance(given, Turns):
            given = given.bodies[min(given.turn, len(given.bodies) - 1)]
        if isinstance(given, VendorError):
            raise given
        made = reply(given, url=at)
        said = self.profile.classify(made) if self.profile else None
        if said is not None and self.profile is not None:
            raise VendorError(self.profile.name, said.failure, said.problem, said.remedy)
        return made


@dataclass
class Turns:
    """Answers that come one after the other."""

    bodies: Sequence[Answer]
    asked: int = -1

    @property
    def turn(self) -> int:
        self.asked += 1
        return self.asked


def reply(given: Answer, *, status: int = 200, url: str = "/") -> Reply:
    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    digest = hashlib.sha256(body).hexdigest()
    return Reply(url, status, {}, body, digest, ARRIVED)


def track(symbol: str, since: date = date(2000, 1, 1), asset_class: str = "equity") -> Tracked:
    return Tracked(symbol, symbol, since, asset_class, "USD")


def access(
    answers: Mapping[str, Answer],
    *tracked: Tracked,
    profile: Profile | None = None,
) -> Access:
    return Access(CannedWeb(answers, profile), tracked, keyed=True)


def asked(given: Access) -> list[str]:
    assert isinstance(given.web, CannedWeb)
    return given.web.asked
