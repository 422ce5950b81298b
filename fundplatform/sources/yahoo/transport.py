"""Requests to Yahoo, carried by yfinance: its cookie, its crumb, and a browser's TLS handshake.

In: an address. Out: the bytes as they came, so that limits, retries, judgement and the archive stay
the client's. What yfinance makes of the bytes is not used.
"""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from fundplatform.sources.web.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests as plain
    from curl_cffi import requests as curl

    from fundplatform.sources.web.transport import Answer

    Session = curl.Session[curl.Response] | plain.Session

_CUT = frozenset({"IncompleteRead", "ChunkedEncodingError", "ContentDecodingError"})


class YfinanceTransport:
    """Carries requests with yfinance's shared session; one per process."""

    def __init__(
        self, max_bytes: int, session: "Session | None" = None, timeout: float = 30.0
    ) -> None:
        """Set the limits of each request.

        Args:
            max_bytes: Largest body taken.
            session: Instead of yfinance's own, which speaks like a browser.
            timeout: Seconds for a whole request.
        """
        self._max_bytes, self._session, self._timeout = max_bytes, session, timeout

    def get(self, url: str, headers: "Mapping[str, str]") -> "Answer":
        """GET the address; yfinance adds its cookie and crumb, and renews them once.

        Raises:
            Broken: TRANSIENT (no connection, reset, too slow), TRUNCATED (the body is not whole),
                SCHEMA_CHANGED (too large).
        """
        # Imported late: yfinance brings pandas in.
        from yfinance.data import YfData
        from yfinance.exceptions import YFException, YFRateLimitError

        from fundplatform.sources.web.broken import Broken
        from fundplatform.sources.web.transport import Answer

        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
        broken: Broken
        try:
            response = YfData(session=self._session).get(address, params, self._timeout)
        except YFRateLimitError:
            return Answer(429, {}, b"Too Many Requests")
        except YFException as error:
            broken = Broken(Failure.TRANSIENT, f"yfinance: {error}")
        except OSError as error:
            # Both clients' errors are OSErrors; libcurl's code 18 is a body that ends early.
            cut = type(error).__name__ in _CUT or getattr(error, "code", None) == 18
            kind = Failure.TRUNCATED if cut else Failure.TRANSIENT
            broken = Broken(kind, f"{type(error).__name__}: {str(error)[:200]}")
        else:
            if len(response.content) > self._max_bytes:
                raise Broken(
                    Failure.SCHEMA_CHANGED, f"the body is larger than {self._max_bytes} bytes"
                )
            names = {name.lower(): str(value) for name, value in response.headers.items()}
            return Answer(response.status_code, names, response.content)
        # Raised here, outside the handler: the original error's text may hold the crumb.
        raise broken
