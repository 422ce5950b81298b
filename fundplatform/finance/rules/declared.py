"""The kinds of things a rule declares: id, scope, severities, parameters, expectation, example.

Texts and numbers only. How a rule is judged stands in `row.py`, `series.py`, `split_rules.py`,
`cross.py`, `sessions.py` and `aggregates.py`; the list itself in `catalog.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "hold", "warning", "info"]
"""error: the row is rejected; hold: rejected until a person or later data decides; warning and
info: the row passes and carries the id. Of a whole session: error holds the session."""
Scope = Literal["row", "series", "cross-source", "batch", "index", "holdings", "observations"]

SEVERITIES: tuple[Severity, ...] = ("error", "hold", "warning", "info")
BLOCKING: tuple[Severity, ...] = ("error", "hold")
NEVER = float("inf")
"""A limit that nothing exceeds: the rule does not judge this class."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: V01...; the order of the list is the order of ids in `rules` and `warnings`.
        title: What must hold.
        description: How it is judged.
        expectation: The Great Expectations 1.x expectation that states the same.
        example: A case that fails, in words; the tests judge it.
        scope: What it looks at.
        severities: What it may find, the strongest first.
        parameters: Name to default; each can be set in rules.yaml.
        by_class: Asset class to the defaults that differ there.
        acceptable: False where no override can accept a row that fails (it has no place in
            prices.validated: doubled, or without a price).
        version: Raised when the meaning changes.
    """

    id: str
    title: str
    description: str
    expectation: str
    example: str
    scope: Scope = "row"
    severities: tuple[Severity, ...] = ("error",)
    parameters: Mapping[str, float] = field(default_factory=dict)
    by_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    acceptable: bool = True
    version: int = 1

    @property
    def severity(self) -> Severity:
        """The strongest that it may find."""
        return self.severities[0]

    @property
    def blocks(self) -> bool:
        """True where a row or session that fails does not pass."""
        return self.severity in BLOCKING

    @property
    def bit(self) -> int:
        """Its place in a row's mask of failed rules."""
        return 1 << (int(self.id[1:]) - 1)
