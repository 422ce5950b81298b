"""Which backfill a run is a part of: its own tag says so, or Dagster's record of the backfill.

A vendor's calls are planned for the whole backfill, so each of its runs has to know how far that
reaches. Making the plan is `call_plan.py`'s.
"""

from datetime import date

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG

from fundplatform.sources.web.profile import Span

PLAN = "fundplatform/plan"
"""Run tag: the backfill that the run is a part of, as `written` writes it."""
FRESH = "fundplatform/fresh"
"""Run tag: answers that an earlier attempt got are not taken (`--refetch`)."""


def written(span: Span, name: str) -> str:
    """The value of the tag PLAN."""
    return f"{span.first}/{span.last}/{span.sessions}/{name}"


def read(tag: str) -> tuple[Span, str]:
    """The backfill that a tag PLAN is about, and its name."""
    first, last, sessions, name = tag.split("/", 3)
    return Span(date.fromisoformat(first), date.fromisoformat(last), int(sessions)), name


def whole(context: dg.AssetExecutionContext) -> tuple[Span | None, str]:
    """The backfill that a run of a raw asset is a part of, and its name; (None, "") without one."""
    told = context.run.tags.get(PLAN)
    if told is not None:
        return read(told)
    name = context.run.tags.get(BACKFILL_ID_TAG, "")
    keys = _targets(context, name) if name else []
    if not keys:
        return None, name
    days = sorted(map(date.fromisoformat, keys))
    return Span(days[0], days[-1], len(days)), name


def _targets(context: dg.AssetExecutionContext, name: str) -> list[str]:
    """The partitions of this asset that a native backfill wants."""
    backfill = context.instance.get_backfill(name)
    data = backfill.asset_backfill_data if backfill else None
    if data is None or not context.has_partition_key_range:
        return []
    return list(data.get_target_partitions_subset(context.asset_key).get_partition_keys())
