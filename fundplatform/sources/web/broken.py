"""Why no complete answer came back, in words: where it was asked for, and what happened there.

In: errors of `requests` and what lies below it. Out: a `Broken` of the right kind, without the
names of classes. Whether it is worth asking again follows from the kind (`failures.py`).
"""

import http.client
import re
import ssl

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    IncompleteRead,
    InvalidChunkLength,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from fundplatform.sources.web.failures import Failure

_LONGEST = 200
# "<pool or connection>(host='api.x.com', port=443): what happened"
_NAMED = re.compile(r"^<?[\w.]+\(host='[^']*', port=\w+\)[^:]*: ")
_NUMBER = re.compile(r"\[(Errno|SSL)[^\]]*\] ?")


class Broken(Exception):
    """No complete answer; the text may hold the address, so it is redacted before it is shown."""

    def __init__(self, failure: Failure, problem: str) -> None:
        """Say of which kind, and what happened."""
        self.failure, self.problem = failure, problem
        super().__init__(problem)


def broken(error: BaseException, host: str) -> Broken:
    """What happened, by the innermost reason of an error of `requests`.

    Args:
        error: What was raised.
        host: Whom it was about to reach.
    """
    reason = _innermost(error)
    if isinstance(reason, IncompleteRead | http.client.IncompleteRead | InvalidChunkLength):
        return Broken(Failure.TRUNCATED, f"the body breaks off ({_plain(reason)})")
    return Broken(Failure.TRANSIENT, _told(error, reason, host))


def _told(error: BaseException, reason: BaseException, host: str) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy on the way to {host} refuses: {_plain(reason)}"
    if isinstance(reason, NameResolutionError):
        return f"{host} has no address: check the name, and that this machine is online"
    # urllib3 makes a refused connection one that timed out.
    refused = isinstance(reason, NewConnectionError)
    if isinstance(reason, ConnectTimeoutError) and not refused:
        return f"no connection to {host} in time"
    if isinstance(reason, ReadTimeoutError | TimeoutError):
        return f"{host} was silent for too long"
    if isinstance(reason, ssl.SSLError):
        return f"no secure connection to {host}: {_plain(reason)}"
    if isinstance(error, requests.exceptions.ConnectionError):
        return f"no connection to {host}, or it was cut: {_plain(reason)}"
    return f"{host}: {_plain(reason)}"


def _innermost(error: BaseException) -> BaseException:
    reason = error
    for _ in range(5):
        inner = getattr(reason, "reason", None) or next(
            (a for a in reason.args[::-1] if isinstance(a, BaseException)), None
        )
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return reason


def _plain(reason: BaseException) -> str:
    """Its text without classes, addresses in memory and numbers of errors."""
    text = getattr(reason, "strerror", None) or _NAMED.sub("", str(reason))
    return _NUMBER.sub("", text)[:_LONGEST] or type(reason).__name__
