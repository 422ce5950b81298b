"""Failures of connections, in words: whom it was about to reach, and what happened there."""

import socket
import ssl
from collections.abc import Iterator

import pytest
import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from fundplatform.sources.web.broken import Broken, broken
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.transport import (
    HTTPConnection,
    HTTPSConnectionPool,
    RequestsTransport,
    Timeouts,
)

HOST = "api.vendor.com"
POOL = HTTPSConnectionPool(HOST)
WIRE = HTTPConnection(HOST)
REFUSED = NewConnectionError(
    WIRE, "Failed to establish a new connection: [Errno 111] Connection refused"
)
CERTIFICATE = ssl.SSLError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired")


def wrapped(reason: Exception) -> MaxRetryError:
    return MaxRetryError(POOL, "/x?apiKey=abc", reason)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            requests.ConnectionError(wrapped(REFUSED)),
            "no connection to api.vendor.com, or it was cut: "
            "Failed to establish a new connection: Connection refused",
        ),
        (
            requests.ConnectionError(
                wrapped(NameResolutionError(HOST, WIRE, socket.gaierror(-2, "unknown")))
            ),
            "api.vendor.com has no address: check the name, and that this machine is online",
        ),
        (
            requests.ConnectTimeout(wrapped(ConnectTimeoutError(WIRE, "timed out"))),
            "no connection to api.vendor.com in time",
        ),
        (
            requests.ReadTimeout(ReadTimeoutError(POOL, "/x", "Read timed out.")),
            "api.vendor.com was silent for too long",
        ),
        (
            requests.exceptions.SSLError(wrapped(CERTIFICATE)),
            "no secure connection to api.vendor.com: certificate has expired",
        ),
        (
            requests.exceptions.ProxyError(wrapped(ProxyError("Unable to connect", REFUSED))),
            "the proxy on the way to api.vendor.com refuses: ",
        ),
        (
            requests.ConnectionError(ConnectionResetError(104, "Connection reset by peer")),
            "no connection to api.vendor.com, or it was cut: Connection reset by peer",
        ),
    ],
)
def test_the_words_name_the_host_and_no_class(error: Exception, words: str) -> None:
    found = broken(error, HOST)
    assert found.failure is Failure.TRANSIENT
    assert found.problem.startswith(words)
    for inner in ("Connection(", "Pool(", "Error", "Errno", "_Watched", "apiKey", "0x"):
        assert inner not in found.problem


def test_half_a_body_is_no_matter_of_the_connection() -> None:
    found = broken(requests.ConnectionError(IncompleteRead(3, 7)), HOST)
    assert found.failure is Failure.TRUNCATED
    assert found.problem.startswith("the body breaks off")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection_on_the_wire(closed_port: int, scheme: str) -> None:
    with pytest.raises(Broken) as caught:
        RequestsTransport(Timeouts(1, 1, 5), 10).get(f"{scheme}://127.0.0.1:{closed_port}/x", {})
    assert caught.value.problem == (
        f"no connection to 127.0.0.1:{closed_port}, or it was cut: "
        "Failed to establish a new connection: Connection refused"
    )
