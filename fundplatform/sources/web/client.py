"""The requests of one vendor: key, limits, judgement of answers, bounded retries, redaction.

In: path and parameters. Out: a good `Reply`, or a `VendorError` of one kind. How bytes travel is
`transport.py`'s; what an answer means beyond good and bad is the vendor's parser's.
"""

import hashlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tenacity import RetryCallState, Retrying

from fundplatform.sources.web.broken import Broken
from fundplatform.sources.web.failures import Consequence, Failure, VendorError
from fundplatform.sources.web.journal import Counting, Journal, Request
from fundplatform.sources.web.limits import Limits, Unlimited
from fundplatform.sources.web.profile import Profile, Refusal, Reply
from fundplatform.sources.web.redact import Redactor
from fundplatform.sources.web.status import judge
from fundplatform.sources.web.transport import RequestsTransport, Timeouts, Transport

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Patience:
    """How long a request is tried.

    Attributes:
        attempts: Requests sent at most.
        first_wait: Seconds before the first retry; doubled each time, with jitter.
        longest_wait: Longest of these waits.
        longest_order: Longest Retry-After obeyed within a fetch; a longer one ends the fetch.
    """

    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_order: float = 900.0


@dataclass
class HttpWeb:
    """`Web` over HTTP.

    Attributes:
        profile: The vendor.
        clock: Gives `Reply.fetched_at` (aware UTC).
        key: Its key; never shown.
        contact: Who asks, for vendors that demand it (see `Profile.contact_env`).
        base_url: Instead of the profile's.
        limits: Shared with other processes.
        journal: Told of every request.
        transport: Carries them.
        patience: Bounds of the retries.
        sleep: Waits so many seconds.
        jitter: A number in 0..1.
    """

    profile: Profile
    clock: Callable[[], datetime]
    key: str | None = field(default=None, repr=False)
    contact: str = ""
    base_url: str | None = None
    limits: Limits = field(default_factory=Unlimited)
    journal: Journal = field(default_factory=Counting, repr=False)
    transport: Transport | None = field(default=None, repr=False)
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        """Guard the key before the first request."""
        self._redact = Redactor([self.key])
        self._redact.guard_logs()
        self._base = (self.base_url or self.profile.base_url).rstrip("/")
        if self.transport is None:
            make = self.profile.transport or partial(RequestsTransport, Timeouts())
            self.transport = make(self.profile.max_bytes)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET `base_url + path` (or an absolute `path` on the same host: paging links).

        Returns:
            A good answer.

        Raises:
            VendorError: Any failure, after the retries that its kind allows.
        """
        request = self.request(path, params or {})
        retrying = Retrying(
            sleep=self.sleep, stop=self._stop, wait=self._wait, retry=_may_help, reraise=True
        )
        try:
            reply: Reply = retrying(self._attempt, request)
        except VendorError as error:
            self.journal.outcome(request, None, error)
            raise
        self.journal.outcome(request, reply, None)
        return reply

    def _attempt(self, request: Request) -> Reply:
        with self.limits.slot():
            reply, error = self._send(request)
        error = error or (self._judged(reply) if reply else None)
        self.journal.attempt(request, reply, error)
        if error is not None:
            raise error
        assert reply is not None  # noqa: S101  # either one is there
        return reply

    def _send(self, request: Request) -> tuple[Reply | None, VendorError | None]:
        assert self.transport is not None  # noqa: S101  # set in __post_init__
        try:
            answer = self.transport.get(self._url(request), self._headers())
        except Broken as broken:
            failure, problem = broken.failure, broken.problem
        else:
            # Some vendors repeat the key in their answers; these are kept.
            body = self._redact.in_bytes(answer.body)
            return Reply(
                url=self._redact(self._shown(request)),
                status=answer.status,
                headers={n: self._redact(v) for n, v in answer.headers.items()},
                body=body,
                digest=hashlib.sha256(body).hexdigest(),
                fetched_at=self.clock(),
            ), None
        remedy = "It is asked again; if it goes on, look at the vendor's status page"
        return None, self._error(request, Refusal(failure, problem, remedy))

    def _judged(self, reply: Reply) -> VendorError | None:
        """The body speaks first, then the status."""
        refusal = self.profile.classify(reply) or judge(reply, self.profile.key_env)
        if refusal is None:
            return None
        return VendorError(
            self.profile.name,
            refusal.failure,
            self._redact(f"{reply.url}: {refusal.problem}"),
            refusal.remedy,
            retry_after=_retry_after(reply),
            payload_hash=reply.digest,
        )

    def _error(self, request: Request, refusal: Refusal) -> VendorError:
        return VendorError(
            self.profile.name,
            refusal.failure,
            self._redact(f"{self._shown(request)}: {refusal.problem}"),
            refusal.remedy,
        )

    def request(self, path: str, params: Mapping[str, str]) -> Request:
        """What a `get` of this is noted as: path below the base, parameters without the key."""
        parts = urlsplit(path)
        query = [*parse_qsl(parts.query, keep_blank_values=True), *params.items()]
        own = {n: str(v) for n, v in query if n != self.profile.key_param}
        if not parts.scheme and not parts.netloc:
            return Request("/" + parts.path.lstrip("/"), own)
        for base in (self._base, self.profile.base_url):
            if _origin(path) == _origin(base):
                return Request(_below(parts.path, urlsplit(base).path), own)
        raise VendorError(
            self.profile.name,
            Failure.SCHEMA_CHANGED,
            f"it links to another host: {parts.netloc}",
            "Nothing was asked there: the key would have gone with it. Check the vendor's notices",
        )

    def _shown(self, request: Request) -> str:
        query = f"?{urlencode(request.params)}" if request.params else ""
        path = request.path.removeprefix("//")
        if request.path.startswith("//"):
            parts = urlsplit(self._base)
            return urlunsplit((parts.scheme, parts.netloc, path, "", "")) + query
        return f"{self._root(request.path)}{request.path}{query}"

    def _root(self, path: str) -> str:
        """The host that serves the path; an address of one's own serves them all."""
        for start, host in () if self.base_url else self.profile.hosts.items():
            if path.startswith(start):
                return host.rstrip("/")
        return self._base

    def _url(self, request: Request) -> str:
        if self.key is None or self.profile.key_param is None:
            return self._shown(request)
        keyed = {**request.params, self.profile.key_param: self.key}
        return self._shown(Request(request.path, keyed))

    def _headers(self) -> Mapping[str, str]:
        own = {n: v.replace("{contact}", self.contact) for n, v in self.profile.headers.items()}
        if self.key is None or self.profile.key_header is None:
            return own
        return {
            **own,
            self.profile.key_header: f"{self.profile.key_prefix}{self.key}",
        }

    def _stop(self, state: RetryCallState) -> bool:
        error = _failed(state)
        too_long = (error.retry_after or 0.0) > self.patience.longest_order if error else False
        return too_long or state.attempt_number >= self.patience.attempts

    def _wait(self, state: RetryCallState) -> float:
        """What the vendor orders, else its shortest window, else backing off with jitter."""
        error = _failed(state)
        if error is not None and error.retry_after is not None:
            return error.retry_after + self.jitter()
        jitter = 0.5 + 0.5 * self.jitter()
        if error is not None and error.failure.consequence is Consequence.WAIT:
            windows = [rate.seconds for rate in self.profile.rates]
            return min(windows, default=self.patience.longest_wait) * (0.5 + jitter)
        doubled = self.patience.first_wait * float(2 ** (state.attempt_number - 1))
        return min(doubled, self.patience.longest_wait) * jitter


def _failed(state: RetryCallState) -> VendorError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, VendorError) else None


def _may_help(state: RetryCallState) -> bool:
    error = _failed(state)
    return error is not None and error.failure.consequence in {Consequence.RETRY, Consequence.WAIT}


def _retry_after(reply: Reply) -> float | None:
    """Seconds from now: the header gives them, or a date."""
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - reply.fetched_at).total_seconds())
    except (TypeError, ValueError):
        return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _below(path: str, base: str) -> str:
    """The path relative to the base; one outside it keeps a second slash as its mark."""
    base = base.rstrip("/")
    return path.removeprefix(base) if path.startswith(f"{base}/") else f"/{path}"
