"""Follows `next_url` from page to page. What a page holds is the caller's."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.web.profile import Reply, Web
from fundplatform.sources.web.records import changed

Parsed = TypeVar("Parsed")
Next = tuple[str, Mapping[str, str]] | None


def pages(
    web: Web,
    path: str,
    params: Mapping[str, str],
    parse: Callable[[Reply], tuple[Parsed, Next]],
) -> Iterator[tuple[Reply, Parsed]]:
    """Each answer and what `parse` makes of it, until no next page is named.

    Raises:
        VendorError: The request fails, or a page names one that was read already.
    """
    following: Next = (path, params)
    read: set[str] = set()
    while following is not None:
        at = f"{following[0]}?{sorted(following[1].items())}"
        if at in read:
            raise changed(NAME, "field next_url", "leads back to a page that was read already")
        read.add(at)
        reply = web.get(*following)
        parsed, following = parse(reply)
        yield reply, parsed
