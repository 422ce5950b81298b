"""From settings and a profile to what a vendor's source is handed: its `Access`.

The only place that reads a vendor's key.
"""

from typing import TYPE_CHECKING

from fundplatform.clock import Clock
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources.web.memory import FileMemory
from fundplatform.sources.web.profile import Access, Profile, Tracked
from fundplatform.sources.web.redact import SHORTEST

if TYPE_CHECKING:
    from fundplatform.sources.web.shared_limits import Bucket


def missing(settings: Settings, profile: Profile) -> str | None:
    """The variable that a vendor needs and that is not set; None where it can take part.

    Raises:
        ConfigError: See `key_of`.
    """
    needs = [] if profile.key_optional else [profile.key_env]
    for name in needs:
        if name and key_of(settings, name) is None:
            return name
    contact = profile.contact_env
    return contact if contact and settings.secret(contact) is None else None


def key_of(settings: Settings, name: str) -> str | None:
    """A vendor's key; None where it is not set.

    Raises:
        ConfigError: Its file cannot be read, or it is too short to be one.
    """
    key = settings.secret(name)
    if key is not None and len(key) < SHORTEST:
        raise ConfigError(
            "environment",
            name,
            f"a key of {len(key)} characters is none",
            f"Set the whole key that the vendor gave you ({SHORTEST} characters or more)",
        )
    return key


def open_access(
    settings: Settings, profile: Profile, clock: Clock, tracked: tuple[Tracked, ...] = ()
) -> Access:
    """The requests of one vendor, with its key, limits and memory.

    Raises:
        ConfigError: See `key_of`.
    """
    # Imported late: requests and tenacity take 0.4 s, and most installations ask no vendor.
    from fundplatform.sources.web.archive import Archive
    from fundplatform.sources.web.client import HttpWeb
    from fundplatform.sources.web.journal import Counting
    from fundplatform.sources.web.shared_limits import SharedLimits

    key = key_of(settings, profile.key_env) if profile.key_env else None
    contact = settings.secret(profile.contact_env) if profile.contact_env else None
    kept = settings.archives(profile.name)
    journal = Archive(settings.payloads / "archive", profile.name) if kept else Counting()
    web = HttpWeb(
        profile,
        clock,
        key=key,
        contact=contact or "",
        base_url=settings.source_url(profile.name),
        journal=journal,
        limits=SharedLimits(profile.counted_as, profile.rates, lambda: _bucket(settings, profile)),
    )
    memory = FileMemory(settings.vendors / f"{profile.name}.json")
    return Access(web, tracked, key is not None, memory, profile, journal)


def _bucket(settings: Settings, profile: Profile) -> "Bucket":
    """Where the calls are counted: in the warehouse's server, else in a file of this home."""
    from fundplatform.sources.web.shared_limits import in_file, in_postgres

    if settings.warehouse_url:
        return in_postgres(settings.warehouse_url, profile.counted_as, profile.rates)
    return in_file(settings.vendors / f"{profile.counted_as}.calls.sqlite", profile.rates)
