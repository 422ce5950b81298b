"""Keys never leave the process: every text that may hold one goes through here first.

In: the keys of a vendor. Out: a function that blanks them, in whatever spelling they appear.
"""

import base64
import json
import logging
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

BLANK = "***"
SHORTEST = 8
"""Characters of a key. A shorter text stands in answers by chance: blanking it would change them,
and no vendor gives out one."""
# Names of the loggers below `requests` that print addresses, query and all.
_CHATTY = ("urllib3", "urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


class Redactor:
    """Blanks the given secrets in any text; neither its `repr` nor its attributes show them."""

    __slots__ = ("_spellings",)

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        """Learn the secrets: as they are, URL-encoded, inside JSON and in base64."""
        self._spellings: tuple[str, ...] = ()
        self._learn({s for secret in secrets if secret for s in _spellings(secret)})

    def _learn(self, spellings: Iterable[str]) -> None:
        # Longest first: one may contain another, as the encoded key the plain one.
        known = {*self._spellings, *spellings}
        self._spellings = tuple(sorted(known, key=lambda s: (-len(s), s)))

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        for spelling in self._spellings:
            text = text.replace(spelling, BLANK)
        return text

    def in_bytes(self, body: bytes) -> bytes:
        """The bytes without any secret."""
        for spelling in self._spellings:
            body = body.replace(spelling.encode(), BLANK.encode())
        return body

    def __repr__(self) -> str:
        """Without the secrets."""
        return "Redactor(***)"

    def guard_logs(self) -> None:
        """Blank the secrets in what `requests` and urllib3 log, from now on."""
        # One for all vendors: two after each other may leave the rest of a key that begins with
        # another's.
        _LOGGED._learn(self._spellings)
        for name in _CHATTY:
            logging.getLogger(name).addFilter(_FILTER)


def _spellings(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    inside_json = json.dumps(secret)[1:-1]
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), inside_json, encoded}


class _LogFilter(logging.Filter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        # Rendered here: an argument may be an object whose text holds the key.
        record.msg, record.args = self._redact(record.getMessage()), None
        return True


_LOGGED = Redactor()
_FILTER = _LogFilter(_LOGGED)
