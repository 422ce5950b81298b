"""What a vendor's test needs: its requests on the loopback, tracked pairs, and a clock."""

import json as _json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from fundplatform.sources.web.client import HttpWeb
from fundplatform.sources.web.profile import Access, Profile, Reply, Tracked
from fundplatform.sources.web.transport import RequestsTransport, Timeouts
from fundplatform_tests.sources.vendor_server import Vendor, serving

NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)


@dataclass
class Wire:
    """A running vendor and our requests to it.

    Attributes:
        vendor: The server.
        web: Our requests; waits are noted, not slept.
        slept: Those waits.
    """

    vendor: Vendor
    web: HttpWeb
    slept: list[float] = field(default_factory=list)

    def access(self, *tracked: Tracked) -> Access:
        return Access(self.web, tracked, keyed=self.web.key is not None)


@contextmanager
def wired(profile: Profile, key: str | None = None, now: datetime = NOW) -> Iterator[Wire]:
    """The vendor of a profile on the loopback."""
    slept: list[float] = []
    with serving() as vendor:
        web = HttpWeb(
            profile,
            lambda: now,
            key=key,
            base_url=vendor.url,
            transport=RequestsTransport(Timeouts(1, 1, 1), profile.max_bytes),
            sleep=slept.append,
            jitter=lambda: 0.0,
        )
        yield Wire(vendor, web, slept)


def pair(vendor_symbol: str, symbol: str, quote: str, since: date = date(2013, 1, 1)) -> Tracked:
    return Tracked(vendor_symbol, symbol, since, "crypto", quote)


def reply(body: object, status: int = 200) -> Reply:
    """An answer with this JSON (or these bytes)."""
    content = body if isinstance(body, bytes) else _json.dumps(body).encode()
    return Reply("https://vendor.test/x", status, {}, content, "0" * 64, NOW)
