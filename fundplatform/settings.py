"""Where everything lives and which switches are on: the only reader of the environment.

No other module touches `os.environ`; a `Settings` value is passed in. What is on disk and what a
source contains is not decided here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
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
        warehouse_url: FUNDPLATFORM_WAREHOUSE_URL, or the content of the file that
            FUNDPLATFORM_WAREHOUSE_URL_FILE names: a PostgreSQL warehouse. None: DuckDB below the
            home. It may hold a password, so `repr` leaves it out.
    """

    home: Path
    sources: tuple[str, ...] = ("sample",)
    risk_free_rate: float = 0.0
    lock_timeout: float = 120.0
    warehouse_url: str | None = field(default=None, repr=False)

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
            warehouse_url=_secret(env, "FUNDPLATFORM_WAREHOUSE_URL"),
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


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """The variable, else the content of the file that `<name>_FILE` names; None without both."""
    given, file = env.get(name, "").strip(), env.get(f"{name}_FILE", "").strip()
    if given and file:
        raise ConfigError(
            "environment", name, f"both it and {name}_FILE are set", "Unset one of them"
        )
    if not file:
        return given or None
    try:
        return Path(file).expanduser().read_text().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            "environment",
            f"{name}_FILE",
            f"{file} cannot be read ({reason})",
            "Name a readable file with one line: postgresql://user:password@host:5432/database",
        ) from None


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
