"""How CoinGecko is reached, what its errors mean, what it has, and its ids of coins."""

import json
from collections.abc import Mapping
from datetime import date, timedelta

from fundplatform.errors import ConfigError
from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Profile, Rate, Refusal, Reply

LAG = timedelta(minutes=45)
"""CoinGecko has the point of midnight 35 minutes after it; its cache ends at 00:40 UTC."""
HISTORY = 365
"""Days back that a demo key reaches."""

# Symbols are not unique there, ids are; others are named by their id in tracked.yaml.
IDS = {
    "ADA": "cardano",
    "ATOM": "cosmos",
    "AVAX": "avalanche-2",
    "BCH": "bitcoin-cash",
    "BNB": "binancecoin",
    "BTC": "bitcoin",
    "DOGE": "dogecoin",
    "DOT": "polkadot",
    "ETC": "ethereum-classic",
    "ETH": "ethereum",
    "FIL": "filecoin",
    "LINK": "chainlink",
    "LTC": "litecoin",
    "POL": "polygon-ecosystem-token",
    "SOL": "solana",
    "TRX": "tron",
    "UNI": "uniswap",
    "USDC": "usd-coin",
    "USDT": "tether",
    "XLM": "stellar",
    "XMR": "monero",
    "XRP": "ripple",
    "XTZ": "tezos",
    "ZEC": "zcash",
}

_CODES = {
    429: (Failure.RATE_LIMITED, "Ask less often"),
    10002: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key"),
    10005: (Failure.NOT_ENTITLED, "The plan does not include it"),
    10010: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key; a paid key has another address"),
    10011: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key; a paid key has another address"),
    10012: (Failure.HISTORY_UNAVAILABLE, f"A demo key reaches back {HISTORY} days"),
}


def classify(reply: Reply) -> Refusal | None:
    """Failures are objects with `status.error_code` (also below `error`) or a text `error`."""
    if b'"error' not in reply.body[:4096]:
        return None
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    told = body.get("error")
    outer = told if isinstance(told, dict) else body
    status = outer.get("status")
    if isinstance(status, dict) and "error_code" in status:
        return _coded(status)
    if isinstance(told, str):
        if "not found" in told.lower():
            return Refusal(Failure.UNKNOWN_SYMBOL, told, "Name the coin by its CoinGecko id")
        if reply.status == 200:
            return Refusal(Failure.SCHEMA_CHANGED, told, "The request is no longer understood")
    return None


def _coded(status: Mapping[str, object]) -> Refusal:
    code, said = status["error_code"], str(status.get("error_message", ""))[:300]
    if code == 429 and "month" in said.lower():
        return Refusal(Failure.QUOTA_EXHAUSTED, said, "The month's calls are used up")
    known = _CODES.get(code) if isinstance(code, int) else None
    failure, remedy = known or (Failure.SCHEMA_CHANGED, "See CoinGecko's list of error codes")
    return Refusal(failure, f"error_code {code}: {said}", remedy)


PROFILE = Profile(
    name="coingecko",
    base_url="https://api.coingecko.com/api/v3",
    classify=classify,
    rates=(Rate(30, 60.0), Rate(10_000, 30 * 86_400.0)),
    key_env="COINGECKO_API_KEY",
    key_header="x-cg-demo-api-key",
    headers={"User-Agent": "fundplatform", "Accept": "application/json"},
    check=("/ping", {}),
)
SPEC = SourceSpec(
    name="coingecko",
    title="CoinGecko market caps and supply",
    asset_class="crypto",
    market="CRYPTO",
    quote="USD",
    kinds={
        Kind.MARKET_CAPS: Coverage("24/7", date(2013, 4, 28), lag=LAG),
        Kind.SHARES: Coverage("24/7", date(2013, 4, 28), partitioned=False),
    },
    description=(
        "Market caps in USD at the end of each UTC day, and the circulating supply now. Demo "
        f"key: the last {HISTORY} days, 10,000 calls a month. Attribution: data by CoinGecko."
    ),
    url="https://docs.coingecko.com/reference/coins-id-market-chart-range",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """(BTC, USD) -> bitcoin.

    Raises:
        ConfigError: The symbol is not in `IDS`: which of several coins is meant is not guessed.
    """
    if symbol not in IDS:
        raise ConfigError(
            "tracked.yaml",
            f"{symbol}/{quote}",
            "symbols are not unique at CoinGecko",
            f"Give the coin's id, like: {symbol}/{quote}: {{as: the-coins-id}}",
        )
    return IDS[symbol]
