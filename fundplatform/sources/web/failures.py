"""The kinds of vendor failure, and the one consequence that each has.

A vendor's file says which kind an answer is (`Profile.classify`); what follows from a kind is
decided here, once, for all vendors.
"""

from enum import StrEnum

from fundplatform.errors import SourceError


class Consequence(StrEnum):
    """What the platform does about a failure."""

    RETRY = "retry"  # bounded, with jitter
    WAIT = "wait"  # for Retry-After, else the limiter's next free slot, then again
    STOP_UNTIL_TOMORROW = "stop until tomorrow"
    SKIP_SYMBOL = "skip the symbol"
    FAIL_PARTITION = "fail the partition"
    ALERT = "alert"  # fail the partition, and a person has to act


class Failure(StrEnum):
    """Kinds of vendor failure."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH = "auth"
    NOT_ENTITLED = "not_entitled"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NO_DATA = "no_data"
    HISTORY_UNAVAILABLE = "history_unavailable"
    SCHEMA_CHANGED = "schema_changed"
    TRUNCATED = "truncated"

    @property
    def consequence(self) -> Consequence:
        """What follows from it."""
        return _CONSEQUENCES[self]


_CONSEQUENCES: dict[Failure, Consequence] = {
    Failure.TRANSIENT: Consequence.RETRY,
    Failure.RATE_LIMITED: Consequence.WAIT,
    Failure.QUOTA_EXHAUSTED: Consequence.STOP_UNTIL_TOMORROW,
    Failure.AUTH: Consequence.ALERT,
    Failure.NOT_ENTITLED: Consequence.ALERT,
    Failure.UNKNOWN_SYMBOL: Consequence.SKIP_SYMBOL,
    Failure.NO_DATA: Consequence.SKIP_SYMBOL,
    Failure.HISTORY_UNAVAILABLE: Consequence.FAIL_PARTITION,
    Failure.SCHEMA_CHANGED: Consequence.ALERT,
    Failure.TRUNCATED: Consequence.RETRY,
}


class VendorError(SourceError):
    """A vendor's answer is a failure; `failure` says of which kind.

    Attributes:
        failure: Its kind.
        retry_after: Seconds the vendor asks to wait, where it says so.
        payload_hash: SHA-256 of the answer, which is kept in the archive; None without an answer.
    """

    def __init__(
        self,
        source: str,
        failure: Failure,
        problem: str,
        remedy: str,
        *,
        retry_after: float | None = None,
        payload_hash: str | None = None,
    ) -> None:
        """Name the source, the kind, the `problem` and the `remedy`; never a key."""
        self.failure, self.retry_after, self.payload_hash = failure, retry_after, payload_hash
        super().__init__(source, f"{failure}: {problem}", remedy)
