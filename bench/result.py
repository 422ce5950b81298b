"""What a case reports: lines of the table, or the reason why it is left out. No measuring here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        case: The case's name.
        what: What was measured, with its unit.
        value: The figure.
        bound: The bound as text; empty where there is none.
        holds: Whether the bound holds; None without one.
        note: Spread, size, peers.
    """

    case: str
    what: str
    value: float
    bound: str = ""
    holds: bool | None = None
    note: str = ""


class LeftOut(Exception):
    """The case cannot run here; the text says why."""


def at_most(case: str, what: str, value: float, bound: float, note: str = "") -> Line:
    """A line whose value must not exceed the bound."""
    return Line(case, what, value, f"<= {bound:g}", value <= bound, note)


def at_least(case: str, what: str, value: float, bound: float, note: str = "") -> Line:
    """A line whose value must reach the bound."""
    return Line(case, what, value, f">= {bound:g}", value >= bound, note)


def repeated(times: int, measure: Callable[[], float]) -> tuple[float, str]:
    """Median of some measurements, and their spread in words."""
    values = sorted(measure() for _ in range(times))
    if times == 1:
        return values[0], "one run"
    return median(values), f"median of {times}, {values[0]:.2f} to {values[-1]:.2f}"


def table(lines: Sequence[Line]) -> str:
    """The lines as a Markdown table."""
    verdicts = {True: "holds", False: "BROKEN", None: ""}
    rows = [("case", "measured", "value", "bound", "verdict", "note"), ("---",) * 6]
    rows += [(x.case, x.what, f"{x.value:.3g}", x.bound, verdicts[x.holds], x.note) for x in lines]
    widths = [max(len(row[n]) for row in rows) for n in range(6)]
    cells = ([c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)
