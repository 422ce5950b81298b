"""Where everything lives and which switches are on: the only reader of the environment.

No other module touches `os.environ`; a `Settings` value is passed in. What is on disk and what a
source contains is not decided here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

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
            home. Its password may stand in the file that FUNDPLATFORM_WAREHOUSE_PASSWORD_FILE
            names. It may hold a password, so `repr` leaves it out.
        dagster_url: FUNDPLATFORM_DAGSTER_URL, its password in FUNDPLATFORM_DAGSTER_PASSWORD_FILE:
            the database of Dagster's storage in production (deploy/dagster.yaml).
        dagster_folder: FUNDPLATFORM_DAGSTER_HOME, the folder of the Dagster instance's
            configuration; None: `dagster` below the home.
        archive: FUNDPLATFORM_ARCHIVE, names of the sources whose answers are kept in the payload
            archive, comma-separated; `all` (default) or `none`.
        environment: What `secret` and `source_url` read; never shown.
    """

    home: Path
    sources: tuple[str, ...] = ("sample",)
    risk_free_rate: float = 0.0
    lock_timeout: float = 120.0
    warehouse_url: str | None = field(default=None, repr=False)
    dagster_url: str | None = field(default=None, repr=False)
    dagster_folder: Path | None = None
    archive: tuple[str, ...] = ("all",)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `env` (default: the process environment)."""
        env = os.environ if env is None else env
        return cls(
            home=Path(env.get("FUNDPLATFORM_HOME") or ".fundplatform").expanduser().resolve(),
            sources=_names(env.get("FUNDPLATFORM_SOURCES", "sample")),
            risk_free_rate=_number(env, "FUNDPLATFORM_RISK_FREE_RATE", 0.0),
            lock_timeout=_number(env, "FUNDPLATFORM_LOCK_TIMEOUT", 120.0),
            warehouse_url=_url(env, "FUNDPLATFORM_WAREHOUSE_URL"),
            dagster_url=_url(env, "FUNDPLATFORM_DAGSTER_URL"),
            dagster_folder=_folder(env, "FUNDPLATFORM_DAGSTER_HOME"),
            archive=_names(env.get("FUNDPLATFORM_ARCHIVE", "all")),
            environment=dict(env),
        )

    def secret(self, name: str) -> str | None:
        """A vendor's key: the variable, else the content of the file that `<name>_FILE` names.

        Raises:
            ConfigError: Both are set, or the file cannot be read.
        """
        return _secret(self.environment, name, "the key")

    def source_url(self, source: str) -> str | None:
        """FUNDPLATFORM_<SOURCE>_URL: an address instead of the vendor's own (proxies, tests)."""
        return self.environment.get(f"FUNDPLATFORM_{source.upper()}_URL", "").strip() or None

    def archives(self, source: str) -> bool:
        """Whether the answers of this source are kept."""
        return source in self.archive or "all" in self.archive

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
        return self.dagster_folder or self.home / "dagster"

    @property
    def drop(self) -> Path:
        """Each folder below it with a source.yaml is a source."""
        return self.home / "drop"

    @property
    def indices(self) -> Path:
        """The user's own index definitions (YAML), beside those that ship."""
        return self.home / "indices"

    @property
    def expectations(self) -> Path:
        """The user's own suites of expectations (YAML, JSON)."""
        return self.home / "expectations"

    @property
    def rules(self) -> Path:
        """The user's own limits of the rules (YAML)."""
        return self.home / "rules.yaml"

    @property
    def tiers(self) -> Path:
        """The user's own tiers (YAML): overrides and lists before those that ship."""
        return self.home / "tiers.yaml"

    @property
    def reports(self) -> Path:
        """Rendered reports."""
        return self.home / "reports"

    @property
    def quality_report(self) -> Path:
        """The newest quality report; those of sessions stand beside it."""
        return self.reports.resolve() / "quality" / "latest.html"

    @property
    def metrics_file(self) -> Path:
        """What the platform says of itself, for Prometheus; alone in its folder."""
        return self.home / "metrics" / "fundplatform.prom"

    @property
    def jobs(self) -> Path:
        """The user's named jobs and their templates (YAML)."""
        return self.home / "jobs.yaml"

    @property
    def fund_reports(self) -> Path:
        """Folder of the reports of single funds."""
        return self.reports.resolve() / "funds"

    @property
    def tracked(self) -> Path:
        """Which listings are asked for, by source (YAML)."""
        return self.home / "tracked.yaml"

    @property
    def vendors(self) -> Path:
        """What is known of vendors between runs: calls made (limits), remembered facts."""
        return self.home / "vendors"

    @property
    def payloads(self) -> Path:
        """Parsed and archived payloads, by content hash."""
        return self.home / "payloads"


@dataclass(frozen=True)
class Deployment:
    """What `python -m fundplatform.deployment` needs beside the settings.

    Attributes:
        admin_url: FUNDPLATFORM_ADMIN_URL, a superuser's login of the PostgreSQL server; its
            password may stand in the file that FUNDPLATFORM_ADMIN_PASSWORD_FILE names.
        runner_password: From FUNDPLATFORM_RUNNER_PASSWORD_FILE, for the login that writes.
        dashboard_password: From FUNDPLATFORM_DASHBOARD_PASSWORD_FILE, for the login that reads.
    """

    admin_url: str = field(repr=False)
    runner_password: str = field(repr=False)
    dashboard_password: str = field(repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Deployment":
        """Read it from `env` (default: the process environment).

        Raises:
            ConfigError: A variable is missing, or a file cannot be read or is empty.
        """
        env = os.environ if env is None else env
        return cls(
            _required(_url(env, "FUNDPLATFORM_ADMIN_URL"), "FUNDPLATFORM_ADMIN_URL"),
            *(
                _required(_secret(env, name.removesuffix("_FILE")), name)
                for name in (
                    "FUNDPLATFORM_RUNNER_PASSWORD_FILE",
                    "FUNDPLATFORM_DASHBOARD_PASSWORD_FILE",
                )
            ),
        )


def _required(value: str | None, name: str) -> str:
    if value is None:
        raise ConfigError(
            "environment", name, "it is not set, or its file is empty", "See docker-compose.yml"
        )
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _folder(env: Mapping[str, str], name: str) -> Path | None:
    given = env.get(name, "").strip()
    return Path(given).expanduser().resolve() if given else None


def _url(env: Mapping[str, str], name: str) -> str | None:
    """The URL (or its file's) with the password of `<...>_PASSWORD_FILE` in it."""
    url = _secret(env, name, "postgresql://user:password@host:5432/database")
    own = f"{name.removesuffix('_URL')}_PASSWORD"
    if not url or not env.get(f"{own}_FILE", "").strip():
        return url
    password = _required(_secret(env, own), f"{own}_FILE")
    scheme, _, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    if not at or ":" in user:
        raise ConfigError(
            "environment",
            f"{own}_FILE",
            f"{name} has no user, or a password of its own",
            "Write the URL like postgresql://user@host:5432/database",
        )
    return f"{scheme}://{user}:{quote(password, safe='')}@{place}"


def _secret(env: Mapping[str, str], name: str, line: str = "the password") -> str | None:
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
            f"Name a readable file with one line: {line}",
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
