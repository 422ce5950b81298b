"""What a vendor's source remembers between fetches and restarts: small facts, each with its day.

Facts that save calls (a key's entitlement, a company's former tickers); losing them costs calls
and nothing else. No rows and no payloads here.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol


class Memory(Protocol):
    """Facts by name; a fact has the day on which it was learnt."""

    def get(self, name: str, today: date, keep: timedelta) -> object:
        """The fact, or None where there is none or it is older than `keep`."""
        ...

    def put(self, name: str, fact: object, today: date) -> None:
        """Remember a fact (plain JSON)."""
        ...


@dataclass(frozen=True)
class InMemory:
    """Facts of one process."""

    facts: dict[str, tuple[str, object]] = field(default_factory=dict)

    def get(self, name: str, today: date, keep: timedelta) -> object:
        """See `Memory.get`."""
        return _young(self.facts.get(name), today, keep)

    def put(self, name: str, fact: object, today: date) -> None:
        """See `Memory.put`."""
        self.facts[name] = (today.isoformat(), fact)


@dataclass(frozen=True)
class FileMemory:
    """Facts in one JSON file a vendor, replaced whole; the last of two writers at once wins.

    Attributes:
        path: The file; made with the first fact. An unreadable one counts as empty.
    """

    path: Path

    def get(self, name: str, today: date, keep: timedelta) -> object:
        """See `Memory.get`."""
        return _young(self._read().get(name), today, keep)

    def put(self, name: str, fact: object, today: date) -> None:
        """See `Memory.put`."""
        facts = {**self._read(), name: (today.isoformat(), fact)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(f".{secrets.token_hex(8)}")
        new.write_text(json.dumps(facts, indent=1, sort_keys=True))
        new.replace(self.path)

    @property
    def facts(self) -> dict[str, object]:
        """Every fact with its day, for the archive."""
        return self._read()

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _young(entry: object, today: date, keep: timedelta) -> object:
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return None
    learnt, fact = entry
    try:
        day = date.fromisoformat(learnt)
    except (TypeError, ValueError):
        return None
    return fact if today - day <= keep else None
