"""What an HTTP status means where the vendor's own judgement of the body said nothing."""

from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Refusal, Reply

_BY_STATUS = {
    401: (Failure.AUTH, "the key is refused"),
    402: (Failure.NOT_ENTITLED, "the plan does not cover this"),
    403: (Failure.NOT_ENTITLED, "the key may not do this, or this address is blocked"),
    408: (Failure.TRANSIENT, "the vendor gave up waiting"),
    418: (Failure.RATE_LIMITED, "banned for too many requests"),
    425: (Failure.TRANSIENT, "too early"),
    429: (Failure.RATE_LIMITED, "too many requests"),
    451: (Failure.NOT_ENTITLED, "not available from this country"),
}
_LAST_BYTES = {"{": b"}", "[": b"]"}


def judge(reply: Reply, key_env: str | None) -> Refusal | None:
    """The refusal that the status, or a body that plainly is not whole, amounts to.

    Args:
        reply: The answer.
        key_env: The variable of the key, for the remedy.
    """
    if reply.status == 200:
        return _cut(reply)
    if 200 <= reply.status < 300:
        return None
    remedy = "It is asked again; if it goes on, look at the vendor's status page"
    if reply.status in _BY_STATUS:
        failure, problem = _BY_STATUS[reply.status]
        if failure in {Failure.AUTH, Failure.NOT_ENTITLED}:
            own = (
                f"Check {key_env} and the plan behind it" if key_env else "Check the vendor's terms"
            )
            remedy = f"{own}: `fundplatform sources check` says what it may do"
        return Refusal(failure, f"HTTP {reply.status}: {problem}", remedy)
    if reply.status >= 500:
        return Refusal(Failure.TRANSIENT, f"HTTP {reply.status}", remedy)
    moved = reply.headers.get("location")
    words = f", moved to {moved}" if moved else ""
    return Refusal(
        Failure.SCHEMA_CHANGED,
        f"HTTP {reply.status}{words}",
        "The vendor's address or parameters changed: look for a newer release",
    )


def _cut(reply: Reply) -> Refusal | None:
    """JSON without its last bracket, where neither a length nor an end mark told."""
    remedy = "It is asked again"
    if not reply.body.strip():
        return Refusal(Failure.TRUNCATED, "the body is empty", remedy)
    first = reply.body[:64].lstrip()[:1].decode("latin-1")
    if "json" not in reply.headers.get("content-type", "") or first not in _LAST_BYTES:
        return None
    if reply.body[-64:].rstrip().endswith(_LAST_BYTES[first]):
        return None
    return Refusal(Failure.TRUNCATED, "the JSON has no end", remedy)
