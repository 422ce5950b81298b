"""One HTTP request, whole or not at all: within a deadline, within a size, never half a body.

In: an address and headers. Out: status, headers and the complete, decompressed bytes, or a
`Broken` that says what went wrong (`broken.py`). Keys, retries, limits and the meaning of an answer
are `client.py`'s.
"""

import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from fundplatform.sources.web.broken import Broken
from fundplatform.sources.web.broken import broken as explained
from fundplatform.sources.web.failures import Failure

_PIECE = 2**16


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, between two arrivals of bytes, and for the whole request."""

    connect: float = 10.0
    read: float = 30.0
    overall: float = 120.0


@dataclass(frozen=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Whatever carries a request."""

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET the address.

        Raises:
            Broken: No complete answer came back.
        """
        ...


class _Deadline:
    """Cuts the connection it watches when the time is over: also inside headers that drip."""

    def __init__(self) -> None:
        self.over = False
        self._socket: socket | None = None

    def watch(self, wire: socket | None) -> None:
        self._socket = wire
        if self.over:
            self.cut()

    def cut(self) -> None:
        self.over = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)


class _Current(threading.local):
    deadline: _Deadline | None = None


_CURRENT = _Current()


class _Watched(HTTPConnection):
    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        _watch(self.sock)
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        super().connect()
        _watch(self.sock)


class _WatchedTLS(HTTPSConnection):
    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        _watch(self.sock)
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def connect(self) -> None:
        super().connect()
        _watch(self.sock)


def _watch(wire: socket | None) -> None:
    if _CURRENT.deadline is not None:
        _CURRENT.deadline.watch(wire)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


class _Adapter(HTTPAdapter):
    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTLS}


class RequestsTransport:
    """Requests over HTTP with `requests`; one per vendor and process."""

    def __init__(self, timeouts: Timeouts, max_bytes: int) -> None:
        """Set the limits of each request.

        Args:
            timeouts: See `Timeouts`.
            max_bytes: Largest body taken, decompressed.
        """
        self._timeouts, self._max_bytes = timeouts, max_bytes
        self._session = requests.Session()
        # ~/.netrc and the like must not add credentials of their own.
        self._session.trust_env = True
        self._session.auth = _no_netrc
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(max_retries=0))

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """GET the address; redirects are not followed.

        Raises:
            Broken: TRANSIENT (no connection, reset, too slow), TRUNCATED (the body is not whole),
                SCHEMA_CHANGED (too large, or in an encoding that was not asked for).
        """
        with _deadline(self._timeouts.overall) as deadline:
            try:
                answer = self._get(url, headers, monotonic() + self._timeouts.overall)
                # A connection cut inside the headers looks like an answer that ends there.
                if not deadline.over:
                    return answer
                broken = Broken(Failure.TRANSIENT, "")
            except _CutOff as error:
                broken = Broken(Failure.TRUNCATED, f"the body breaks off ({error})")
            except (requests.RequestException, HTTPError, OSError) as error:
                broken = explained(error, urlsplit(url).netloc)
        # Raised here, outside the handler: the original error's text may hold the address.
        if deadline.over:
            broken = Broken(Failure.TRANSIENT, _too_slow(self._timeouts.overall))
        raise broken

    def _get(self, url: str, headers: Mapping[str, str], until: float) -> Answer:
        timeouts = (self._timeouts.connect, self._timeouts.read)
        wanted = {"Accept-Encoding": "gzip", **headers}
        with self._session.get(
            url, headers=wanted, timeout=timeouts, stream=True, allow_redirects=False
        ) as response:
            names = {name.lower(): value for name, value in response.headers.items()}
            pieces = _pieces(response.raw, until, self._timeouts.overall)
            return Answer(response.status_code, names, self._whole(names, pieces))

    def _whole(self, headers: Mapping[str, str], pieces: Iterator[bytes]) -> bytes:
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "", "gzip", "x-gzip"}:
            raise Broken(Failure.SCHEMA_CHANGED, f"the body is encoded as {encoding}")
        packed = encoding in {"gzip", "x-gzip"}
        unpack = zlib.decompressobj(wbits=31) if packed else None
        body = bytearray()
        for piece in pieces:
            body += _unpacked(unpack, piece, self._max_bytes - len(body) + 1) if unpack else piece
            if len(body) > self._max_bytes:
                raise Broken(
                    Failure.SCHEMA_CHANGED, f"the body is larger than {self._max_bytes} bytes"
                )
        # A gzip stream carries its own end: without it the body is cut, whatever its length says.
        if unpack and not unpack.eof and body:
            raise _CutOff("the gzip stream has no end")
        return bytes(body)


class _CutOff(Exception):
    pass


def _unpacked(unpack: "zlib._Decompress", piece: bytes, room: int) -> bytes:
    try:
        return unpack.decompress(piece, room)
    except zlib.error as error:
        raise _CutOff(f"no gzip: {error}") from None


def _pieces(raw: BaseHTTPResponse, until: float, overall: float) -> Iterator[bytes]:
    """The body as it arrives, undecoded; `read1` returns after one arrival, so a drip is seen."""
    while piece := raw.read1(_PIECE, decode_content=False):
        if monotonic() > until:
            raise Broken(Failure.TRANSIENT, _too_slow(overall))
        yield piece
    remaining = getattr(raw, "length_remaining", None)
    if remaining:
        raise _CutOff(f"{remaining} bytes are missing")


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _CURRENT.deadline = _Deadline()
    timer = threading.Timer(seconds, deadline.cut)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
        _CURRENT.deadline = None


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _too_slow(seconds: float) -> str:
    return f"no whole answer within {seconds:g} s"
