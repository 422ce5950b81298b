"""The lines that `fundplatform status` says below its table: what does not run, or is not whole.

The table is `summary.py`'s. In: the published copy. Out: lines, worst kinds first.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime

from fundplatform.automation.resting import resting_sources
from fundplatform.storage.base import Store


def lines(store: Store, now: datetime, sources: Collection[str]) -> Iterator[str]:
    """All of them; `sources` are the names of those that take part."""
    yield from troubles(store, now, sources)
    yield from refused(store)
    yield from unprofiled(store)
    yield from decisions(store, now.date())


_TROUBLES = """
with failed as (
  select source, problem,
         row_number() over (partition by source order by finished_at desc, attempt_id desc) as nth
  from ops.data_sync where status = 'failed'
)
select source, s.state, s.consecutive_failures, s.last_failure, s.last_success_at, s.score,
       f.problem
from marts.source_state s left join (select * from failed where nth = 1) f using (source)
where s.consecutive_failures > 0 order by source
"""


def troubles(store: Store, now: datetime, sources: Collection[str]) -> Iterator[str]:
    """A line for each source whose latest attempt failed: since when, when it goes on, and why."""
    rests = resting_sources(store, now)
    for one in store.query(_TROUBLES).iter_rows(named=True):
        if one["source"] not in sources:
            continue
        told = f"{one['source']}: {one['state']}, {one['last_failure']}"
        if one["consecutive_failures"] > 1:
            told += f", {one['consecutive_failures']} failures in a row"
        good = one["last_success_at"]
        told += f", last success {good:%Y-%m-%d %H:%M} UTC" if good else ", never a success"
        if until := rests.get(one["source"]):
            told += f", rests until {until:%Y-%m-%d %H:%M} UTC"
        why = f": {one['problem']}" if one["problem"] else ""
        yield f"{told}; score {one['score']:.0f} of 100{why}"


_REFUSED = """
select s.name as source, r.rule, count(*) as rows, min(r.reason) as example
from raw.rejected r join catalog.sources s on s.source_id = r.source_id
where r.rule not in ('duplicate', 'outside_coverage')
group by s.name, r.rule order by count(*) desc, s.name, r.rule
"""
_MOST_REFUSED = 10


def refused(store: Store) -> Iterator[str]:
    """A line for each source and rule by which rows were refused at load, the most first."""
    found = store.query(_REFUSED)
    for one in found.head(_MOST_REFUSED).iter_rows(named=True):
        yield (
            f"refused at load: {one['source']}: {one['rows']:,} {one['rule']}, "
            f"like: {one['example']}"
        )
    if found.height > _MOST_REFUSED:
        yield f"... and {found.height - _MOST_REFUSED} more: marts.data_quality"


# The price basis stands for all: a session is the same on each.
_UNPROFILED = """
select index_name, count(*) as sessions, min(session) as first, max(session) as last,
       max(n_constituents) as most
from indices.performance
where return_basis = 'price' and position(? in note) > 0
group by index_name order by index_name
"""


def unprofiled(store: Store) -> Iterator[str]:
    """A line for each index by sector or country on sessions of which hardly any was known."""
    # Imported late: only `status` wants it.
    from fundplatform.assets.profiled import NO_PROFILES, REMEDY

    found = store.query(_UNPROFILED, [NO_PROFILES])
    for one in found.iter_rows(named=True):
        yield (
            f"index {one['index_name']}: at most {one['most']} names on {one['sessions']:,} "
            f"sessions, {one['first']} to {one['last']}: hardly any sector or country was known"
        )
    if found.height:
        yield f"  {REMEDY}"


_MOST_DECISIONS = 10


def decisions(store: Store, today: date) -> Iterator[str]:
    """A line for each override in force or lately expired, the first to expire first."""
    # Imported late: only `status` wants it.
    from fundplatform.reports.quality_facts import overrides

    known = overrides(store, today)
    for one in known.head(_MOST_DECISIONS).iter_rows(named=True):
        of = " ".join(str(one[n]) for n in ("source", "symbol") if one[n])
        days = f"{one['first_session']}..{one['last_session']}"
        word = "since" if one["state"] == "expired" else "until"
        until = f" {word} {one['expires_on']}" if one["expires_on"] else ""
        told = f"{one['action']} {of} {days} by {one['author']}: {one['reason']}"
        yield f"override {one['state']}{until}: {told}"
    if known.height > _MOST_DECISIONS:
        yield f"... and {known.height - _MOST_DECISIONS} more: fundplatform quality overrides"
