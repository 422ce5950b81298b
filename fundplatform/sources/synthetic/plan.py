"""What happens to each company: its fate is fixed by (seed, slot) and by nothing else.

Seed and slot in, companies out; all times are offsets in sessions from the market's first one. A
slot is a vendor symbol (SYN0001 is slot 1); a slot whose symbol is used again has two companies.
Events beyond the last session simply do not happen, so a longer market only adds to a shorter one.
No prices here.
"""

from dataclasses import dataclass, field, replace

import numpy as np

# One role per slot, again and again: every 20 slots hold every role once.
ROLES = (
    "plain",
    "split_2_for_1",
    "split_3_for_2",
    "reverse_split_1_for_10",
    "dividends",
    "special_dividend",
    "rename",
    "ticker_reuse",
    "merger",
    "delisted_after_fall",
    "worthless",
    "halts",
    "late_listing",
    "high_below_low",
    "null_close",
    "negative_price",
    "doubled_row",
    "conflicting_rows",
    "zero_volume_with_range",
    "decimal_shift",
)
FAULTS = ROLES[13:]
QUARTER = 63
# More than 60 sessions: the second user of a symbol is another company.
REUSE_GAP = 80


@dataclass(frozen=True)
class Company:
    """One permanent company.

    Attributes:
        seed: Seed of the market.
        slot: 1-based number of its vendor symbol.
        number: 1, or 2 for the second company of the slot.
        role: One of `ROLES`.
        price: First close, USD.
        drift: Mean log return per session, decimal.
        volatility: Standard deviation of the log return per session, decimal.
        shares: Shares outstanding at the first session.
        born: Offset of the first session.
        died: Offset of the first session without it; None: it lives on.
        death: merger, delisted_after_fall, worthless, or None.
        renamed: Offset from which it has another vendor symbol, or None.
        splits: Offset to new shares per old share.
        dividends: Offset to cash per old share, as a fraction of the previous close.
        special: Offsets in `dividends` that are special dividends.
        halts: Offsets without trading.
        faults: Offsets whose row the vendor damages, as `role` says.
    """

    seed: int
    slot: int
    number: int
    role: str
    price: float
    drift: float
    volatility: float
    shares: float
    born: int = 0
    died: int | None = None
    death: str | None = None
    renamed: int | None = None
    splits: dict[int, float] = field(default_factory=dict)
    dividends: dict[int, float] = field(default_factory=dict)
    special: frozenset[int] = frozenset()
    halts: frozenset[int] = frozenset()
    faults: tuple[int, ...] = ()

    @property
    def symbol(self) -> str:
        """The canonical symbol: the vendor symbol it was listed under."""
        return symbol_of(self.slot)

    @property
    def key(self) -> str:
        """The permanent name: the symbol, and #2 for the second company that used it."""
        return self.symbol if self.number == 1 else f"{self.symbol}#{self.number}"

    def vendor_symbol(self, offset: int) -> str:
        """The vendor's symbol at a session."""
        return f"{self.symbol}N" if self._is_renamed(offset) else self.symbol

    def _is_renamed(self, offset: int) -> bool:
        return self.renamed is not None and offset >= self.renamed

    def stream(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, independent of all other streams."""
        entropy = (self.seed, self.slot, self.number, purpose)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def symbol_of(slot: int) -> str:
    """Slot 7 is SYN0007."""
    return f"SYN{slot:04d}"


def companies(seed: int, slot: int) -> tuple[Company, ...]:
    """The one or two companies of a slot."""
    role = ROLES[(slot - 1) % len(ROLES)]
    first = _fate(_founded(seed, slot, 1, role))
    if role != "ticker_reuse" or first.died is None:
        return (first,)
    second = _founded(seed, slot, 2, "plain")
    return (first, replace(second, born=first.died + REUSE_GAP))


def _founded(seed: int, slot: int, number: int, role: str) -> Company:
    blank = Company(seed, slot, number, role, 1.0, 0.0, 0.0, 1.0)
    draw = blank.stream(0)
    return replace(
        blank,
        price=round(float(draw.uniform(20, 200)), 2),
        drift=float(draw.uniform(-0.0001, 0.0006)),
        volatility=float(draw.uniform(0.008, 0.025)),
        shares=float(round(10 ** draw.uniform(6, 9), -3)),
    )


def _fate(company: Company) -> Company:
    draw = company.stream(1)
    when = int(draw.integers(150, 600))
    if company.role in FAULTS:
        days = draw.choice(np.arange(70, 700), size=3, replace=False).tolist()
        return replace(company, faults=tuple(sorted(days)))
    return _life(_distributions(company, when, draw), when, draw)


def _distributions(company: Company, when: int, draw: np.random.Generator) -> Company:
    match company.role:
        case "split_2_for_1":
            return replace(company, splits={when: 2.0}, dividends=_quarterly(draw))
        case "split_3_for_2":
            # The dividend goes ex with the split: cash per old share, then new shares.
            return replace(company, splits={when: 1.5}, dividends={when: 0.01})
        case "reverse_split_1_for_10":
            return replace(company, price=round(company.price / 20, 2), splits={when: 0.1})
        case "dividends":
            return replace(company, dividends=_quarterly(draw))
        case "special_dividend":
            return replace(company, dividends={when: 0.08}, special=frozenset({when}))
        case _:
            return company


def _life(company: Company, when: int, draw: np.random.Generator) -> Company:
    match company.role:
        case "rename":
            return replace(company, renamed=when)
        case "ticker_reuse":
            return replace(company, died=when, death="merger")
        case "merger" | "delisted_after_fall" | "worthless":
            return replace(company, died=when, death=company.role)
        case "halts":
            later = when + int(draw.integers(20, 100))
            return replace(company, halts=frozenset((when, *range(later, later + 8))))
        case "late_listing":
            return replace(company, born=when)
        case _:
            return company


def _quarterly(draw: np.random.Generator) -> dict[int, float]:
    first = int(draw.integers(10, QUARTER))
    amount = float(draw.uniform(0.002, 0.009))
    # Ten thousand sessions: beyond the longest market anyone asks for.
    return {day: amount for day in range(first, 10_000, QUARTER)}
