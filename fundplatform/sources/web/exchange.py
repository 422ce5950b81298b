"""An exchange that ccxt knows, declared: its address, limits, and which answers are failures.

Asking for bars is `ccxt_source.py`'s. ccxt is imported when the first request or answer needs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.pairs import LAG
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply
from fundplatform.sources.web.status import judge

_LONGEST = 300


@dataclass(frozen=True)
class Exchange:
    """One exchange, declared; everything else is ccxt's.

    Attributes:
        name: The source's name.
        base_url: Scheme and host of its public market data.
        title: For people.
        market_id: How it writes a pair, like `{base}-{quote}` or `{base_lower}{quote_lower}`;
            None: ccxt loads its list of markets first, one large answer more for each fetch.
        start: First day it has.
        limit: Daily bars that it answers at most.
        quote: Currency that most of its pairs are quoted in. A stablecoin is not USD.
        rates: Its limits.
        check: Path and parameters of one cheap call.
        priority: See `SourceSpec`.
        ccxt_id: ccxt's name of it, where it is another.
        options: ccxt's options.
        elsewhere: Another address of it, for places that the first one does not serve.
    """

    name: str
    base_url: str
    title: str
    market_id: str | None = None
    start: date = date(2017, 1, 1)
    limit: int = 300
    quote: str = "USDT"
    rates: tuple[Rate, ...] = (Rate(2, 1.0),)
    check: tuple[str, Mapping[str, str]] | None = None
    priority: int = 70
    ccxt_id: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    elsewhere: str | None = None

    @property
    def profile(self) -> Profile:
        """How it is reached."""
        return Profile(
            name=self.name,
            base_url=self.base_url,
            classify=self.classify,
            rates=self.rates,
            headers={"User-Agent": "fundplatform", "Accept": "application/json"},
            check=self.check,
        )

    @property
    def spec(self) -> SourceSpec:
        """The declaration of the source."""
        return SourceSpec(
            name=self.name,
            title=self.title,
            asset_class="crypto",
            market="CRYPTO",
            quote=self.quote,
            kinds={Kind.OHLCV: Coverage("24/7", self.start, lag=LAG)},
            priority=self.priority,
            sparse=True,
            description=(
                "Daily bars by REST through ccxt (MIT), as traded, UTC days. No key. "
                f"Quote currencies as traded: {self.quote} is not USD unless it says so."
            ),
            url=self.base_url,
        )

    def vendor_symbol(self, symbol: str, quote: str) -> str:
        """(BTC, USDT) -> BTC/USDT, ccxt's spelling for every exchange."""
        return f"{symbol}/{quote}"

    def classify(self, reply: Reply) -> Refusal | None:
        """Ccxt's judgement of an answer, as one of our kinds."""
        ccxt = module()
        expert = _expert(self.ccxt_id or self.name)
        text = reply.body.decode("utf-8", "replace")
        if reply.status == 200 and text.lstrip().startswith("["):
            return None
        told = (reply.status, "", reply.url, "GET", dict(reply.headers), text)
        try:
            expert.handle_errors(*told, expert.parse_json(text), {}, None)
            if reply.status == 451:
                raise ccxt.RestrictedLocation(text)
        except ccxt.BaseError as error:
            refusal = self.refusal(error)
            if refusal.failure is not Failure.SCHEMA_CHANGED or reply.status < 400:
                return refusal
            # What ccxt does not know, the status may say.
            said = judge(reply, None)
            return refusal if said is None or said.failure is refusal.failure else said
        return None

    def refusal(self, error: Exception) -> Refusal:
        """One of ccxt's errors as one of our kinds."""
        ccxt = module()
        kinds: Sequence[tuple[type[Exception], Failure, str]] = (
            (ccxt.BadSymbol, Failure.UNKNOWN_SYMBOL, "Name a pair like BTC/USDT"),
            (ccxt.RateLimitExceeded, Failure.RATE_LIMITED, "Ask less often"),
            (ccxt.DDoSProtection, Failure.RATE_LIMITED, "Wait: the address is banned for a while"),
            (ccxt.RestrictedLocation, Failure.NOT_ENTITLED, self._moved()),
            (ccxt.PermissionDenied, Failure.NOT_ENTITLED, self._moved()),
            (ccxt.AuthenticationError, Failure.AUTH, "Market data needs no key: see the address"),
            (ccxt.BadResponse, Failure.SCHEMA_CHANGED, "Look for a newer ccxt"),
            (ccxt.OperationFailed, Failure.TRANSIENT, "Try again"),
        )
        said = f"{type(error).__name__}: {str(error)[:_LONGEST]}"
        for kind, failure, remedy in kinds:
            if isinstance(error, kind):
                return Refusal(failure, said, remedy)
        return Refusal(Failure.SCHEMA_CHANGED, said, "Look for a newer ccxt")

    def _moved(self) -> str:
        other = self.elsewhere or "an address that does"
        return f"It does not serve this place: set FUNDPLATFORM_{self.name.upper()}_URL={other}"


def module() -> Any:  # noqa: ANN401 - ccxt has no types
    """The package, imported now."""
    import ccxt  # type: ignore[import-untyped]

    return ccxt


@cache
def _expert(ccxt_id: str) -> Any:  # noqa: ANN401 - ccxt has no types
    """One instance for its tables of errors; it never sends anything."""
    return getattr(module(), ccxt_id)({"enableRateLimit": False})
