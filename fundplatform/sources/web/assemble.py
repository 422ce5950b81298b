"""From settings and a profile to what a vendor's source is handed: its `Access`.

The only place that reads a vendor's key.
"""

from fundplatform.clock import Clock
from fundplatform.settings import Settings
from fundplatform.sources.web.memory import FileMemory
from fundplatform.sources.web.profile import Access, Profile, Tracked


def missing(settings: Settings, profile: Profile) -> str | None:
    """The variable that a vendor needs and that is not set; None where it can take part.

    Raises:
        ConfigError: A key's file cannot be read.
    """
    needs = [] if profile.key_optional else [profile.key_env]
    for name in (*needs, profile.contact_env):
        if name and settings.secret(name) is None:
            return name
    return None


def open_access(
    settings: Settings, profile: Profile, clock: Clock, tracked: tuple[Tracked, ...] = ()
) -> Access:
    """The requests of one vendor, with its key, limits and memory.

    Raises:
        ConfigError: A key's file cannot be read.
    """
    # Imported late: requests and tenacity take 0.4 s, and most installations ask no vendor.
    from fundplatform.sources.web.client import HttpWeb

    key = settings.secret(profile.key_env) if profile.key_env else None
    contact = settings.secret(profile.contact_env) if profile.contact_env else None
    web = HttpWeb(
        profile,
        clock,
        key=key,
        contact=contact or "",
        base_url=settings.source_url(profile.name),
    )
    memory = FileMemory(settings.vendors / f"{profile.name}.json")
    return Access(web, tracked, keyed=key is not None, memory=memory)
