"""Where everything lives and which switches are on: the only reader of the environment.

No other module touches `os.environ`; a `Settings` value is passed in. What is on disk and what a
source contains is not decided here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fundplatform.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """The platform's configuration for one process.

    Attributes:
        home: FUNDPLATFORM_HOME, default `./.fundplatform`; all state is below it.
        sources: FUNDPLATFORM_SOURCES, comma-separated names of built-in sources that take part;
            default `sample`. Drop folders always take part.
        risk_free_rate: FUNDPLATFORM_RISK_FREE_RATE, annual, decimal (0.05 = 5 %), default 0.
        lock_timeout: FUNDPLATFORM_LOCK_TIMEOUT, seconds to wait for a warehouse that another
            process holds, default 120.
    """

    home: Path
    sources: tuple[str, ...] = ("sample",)
    risk_free_rate: float = 0.0
    lock_timeout: float = 120.0

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `env` (default: the process environment)."""
        env = os.environ if env is None else env
        return cls(
            home=Path(env.get("FUNDPLATFORM_HOME") or ".fundplatform").expanduser().resolve(),
            sources=tuple(
                name.strip()
                for name in env.get("FUNDPLATFORM_SOURCES", "sample").split(",")
                if name.strip()
            ),
            risk_free_rate=_number(env, "FUNDPLATFORM_RISK_FREE_RATE", 0.0),
            lock_timeout=_number(env, "FUNDPLATFORM_LOCK_TIMEOUT", 120.0),
        )

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that runs write."""
        return self.home / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The folder of the read-only copy for BI, the command line and sensors."""
        return self.home / "published"

    @property
    def dagster_home(self) -> Path:
        """The Dagster home (event log, runs, dagster.yaml, workspace.yaml)."""
        return self.home / "dagster"

    @property
    def drop(self) -> Path:
        """Each folder below it with a source.yaml is a source."""
        return self.home / "drop"

    @property
    def indices(self) -> Path:
        """The user's own index definitions (YAML), beside those that ship."""
        return self.home / "indices"

    @property
    def reports(self) -> Path:
        """Rendered reports."""
        return self.home / "reports"

    @property
    def payloads(self) -> Path:
        """Parsed and archived payloads, by content hash."""
        return self.home / "payloads"


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            "environment", name, f"{text!r} is not a number", f"Set it like {name}={default}"
        ) from None
