"""How one vendor is reached: its address, key, limits, and which answers are failures.

A vendor's file declares one `Profile`; sending requests is `client.py`'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.memory import InMemory, Memory

if TYPE_CHECKING:
    from fundplatform.sources.base import SourceSpec

    # It brings `requests` in, which a declaration does not need.
    from fundplatform.sources.web.journal import Recorder
    from fundplatform.sources.web.transport import Transport


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `seconds`; several rates hold at once (5 a minute and 25 a day)."""

    calls: int
    seconds: float


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, whatever its status.

    Attributes:
        url: The address asked, redacted: it never holds a key.
        status: HTTP status.
        headers: Header names in lower case.
        body: The bytes, decompressed, complete.
        digest: SHA-256 of the body, hex.
        fetched_at: When it arrived (aware UTC).
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    digest: str
    fetched_at: datetime


@dataclass(frozen=True)
class Refusal:
    """What is wrong with an answer: the kind of failure and the vendor's own words."""

    failure: Failure
    problem: str
    remedy: str


Classify = Callable[[Reply], Refusal | None]
"""A vendor's own judgement of an answer, by its body first; None: it is good, or only the status
speaks (the client judges that: 429, 401, 403, 5xx, ...)."""


@dataclass(frozen=True)
class Profile:
    """How a vendor is reached.

    Attributes:
        name: The source's name.
        base_url: Scheme and host (and a fixed path); `FUNDPLATFORM_<NAME>_URL` replaces it.
        classify: Says which answers are failures.
        rates: Its limits; all hold, over all processes and restarts.
        key_env: Environment variable of the key (`<key_env>_FILE` names a file); None: no key.
        key_optional: True where it also works without the key.
        key_header: Header that carries the key; the value is `key_prefix` + key.
        key_prefix: `Bearer ` for some.
        key_param: Query parameter that carries the key, where no header can.
        headers: Headers of every request (User-Agent, Accept).
        max_bytes: Largest answer taken.
        check: Path and parameters of one cheap call, for `fundplatform sources check`.
        day_zone: Time zone in which the vendor's day (its daily quota) begins.
        contact_env: Environment variable of who asks, where the vendor demands to know; it
            replaces `{contact}` in `headers`.
        hosts: Start of a path -> scheme and host that serves it instead of `base_url`.
        account: Name under which the calls are counted, where several sources share one
            vendor's limits; None: `name`.
        transport: Makes what carries the requests (given `max_bytes`), where plain HTTP is
            refused; None: `requests`.
    """

    name: str
    base_url: str
    classify: Classify
    rates: tuple[Rate, ...]
    key_env: str | None = None
    key_optional: bool = False
    key_header: str | None = None
    key_prefix: str = ""
    key_param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 64 * 2**20
    check: tuple[str, Mapping[str, str]] | None = None
    day_zone: str = "UTC"
    contact_env: str | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    transport: "Callable[[int], Transport] | None" = None

    @property
    def counted_as(self) -> str:
        """The account under whose name its calls are counted."""
        return self.account or self.name


class Web(Protocol):
    """The requests that one vendor's source makes; limits, retries and keys are its affair."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET `base_url + path` (or an absolute `path` on the same host: paging links).

        Returns:
            A good answer: neither the status nor `Profile.classify` calls it a failure.

        Raises:
            VendorError: Any failure, after the retries that its kind allows.
        """
        ...


@dataclass(frozen=True)
class Tracked:
    """One listing that a source is asked for: the vendor's symbol, its meaning, since when.

    `until` is the last day of this meaning; None while it lasts. `kinds` are the kinds of data
    wanted; None: those that the source fetches unasked.
    """

    vendor_symbol: str
    symbol: str
    since: date
    asset_class: str
    quote: str
    until: date | None = None
    kinds: frozenset[str] | None = None

    def wants(self, kind: str, *, unasked: bool = True) -> bool:
        """Whether this kind is to be fetched; `unasked`: also where no kinds are named."""
        return unasked if self.kinds is None else kind in self.kinds


@dataclass(frozen=True)
class Span:
    """A backfill as a whole, of which one fetch is a part; requests may serve all of its parts.

    Attributes:
        first: Its first session.
        last: Its last session.
        sessions: How many sessions it wants; those in between that are there are not counted.
    """

    first: date
    last: date
    sessions: int


@dataclass(frozen=True)
class Access:
    """What the register hands to a vendor's source.

    Attributes:
        web: Its requests.
        tracked: The listings it is asked for, by vendor symbol.
        keyed: Whether a key is there.
        memory: What the source remembers between fetches.
        profile: The vendor; None where a test plays it.
        journal: Told of every fetch; None where a test plays the vendor.
        span: The backfill that the fetch is a part of; None: the fetch is all of it.
    """

    web: Web
    tracked: tuple[Tracked, ...] = ()
    keyed: bool = False
    memory: Memory = field(default_factory=InMemory, repr=False)
    profile: Profile | None = None
    journal: "Recorder | None" = field(default=None, repr=False)
    span: Span | None = None

    def expecting(self, spec: "SourceSpec") -> "SourceSpec":
        """The declaration of a source that is expected to deliver what is tracked."""
        return replace(spec, tracked=tuple(t.vendor_symbol for t in self.tracked))


@runtime_checkable
class OnTheWeb(Protocol):
    """A source that asks a vendor: it holds its `Access` as a field, so it can be replaced."""

    @property
    def access(self) -> Access:
        """What the register handed to it."""
        ...
