"""`fundplatform backfill --detach`: the same plan as a native Dagster backfill, run by a daemon.

In: a backfill that is not run. Out: a submitted one, or the reason why none is. Nothing is fetched
or computed here.
"""

from collections.abc import Sequence

from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.utils import make_new_backfill_id

from fundplatform.assets.catalog import FACTORS
from fundplatform.assets.fund_catalog import fund_raw
from fundplatform.assets.spans import FRESH
from fundplatform.automation.requests import subset, under_way
from fundplatform.backfill import AFTERWARDS, CATALOG, FUNDS, Backfill
from fundplatform.chain_plan import CHAIN, chain_chunks, chain_days
from fundplatform.chunks import Chunk
from fundplatform.definitions import build_definitions, utc_now
from fundplatform.settings import Settings
from fundplatform.staleness import JUDGED


def submit(settings: Settings, job: Backfill, names: Sequence[str]) -> str | None:
    """Submit the backfill and say how to watch it; nothing where another one is at the same.

    Args:
        settings: The home.
        job: What to fetch and compute.
        names: The sources as they were named, for its title.

    Returns:
        What was done, for the terminal; None where nothing is left to do.
    """
    graph = build_definitions(settings, sources=job.all_sources).resolve_asset_graph()
    causes, effects = plan(job)
    if not causes:
        return None
    wanted = subset(graph, [*causes, *effects])
    busy = under_way(job.instance, graph, subset(graph, causes))
    if busy:
        return (
            f"Not submitted: backfill {', '.join(busy)} is at these sessions already. Watch it "
            "under Runs > Backfills; when it has ended, the same command submits what is left."
        )
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=utc_now().timestamp(),
        tags={FRESH: "yes"} if job.refetch else {},
        dynamic_partitions_store=job.instance,
        asset_graph_subset=wanted,
        title=f"fundplatform backfill {' '.join(names)} {job.first}..{job.last}",
        description="Submitted by the fundplatform command line",
        run_config=None,
    )
    job.instance.add_backfill(backfill)
    return (
        f"Submitted backfill {backfill.backfill_id}: {len(wanted.asset_keys)} assets. "
        "`make ui` runs a daemon; watch it under Runs > Backfills."
    )


def plan(job: Backfill) -> tuple[list[Chunk], list[Chunk]]:
    """What is missing (to fetch, else to compute), and what follows from it.

    What a fetch will bring is not known yet, so everything that rests on it is computed after it:
    the days asked for after new bars or caps, every day computed so far after new corporate
    actions, share counts or profiles, which may reach any of them.
    """
    fetches = job.fetches()
    catalog = job.catalog() or ([_CATALOG] if fetches else [])
    now = job.standing()
    reads = {name for key in CHAIN for name in now.rests_on(key)}
    fetched = {key for chunk in fetches for key in chunk.keys}
    funds = [FUNDS] if fetched & {*fund_raw(job.all_sources)} else job.funds()
    # Factors older than their actions: a run was killed between the two.
    late = bool(catalog) and (now.is_older(FACTORS) or job.is_reordered())
    days = chain_days(job.sources, job.instance, job.first, job.last, fetches)
    if days is None:
        chain = []
    elif {key.to_user_string() for key in fetched} & reads or late:
        chain = [Chunk("chain", CHAIN, *days)]
    else:
        chain = chain_chunks(now, job.all_sources, *days)
    judged = any(JUDGED in chunk.keys for chunk in chain)
    tiers = [Chunk("tiers", AFTERWARDS)] if judged else job.tiers()
    effects = [*catalog, *funds, *job.caps(), *chain, *tiers]
    return (fetches, effects) if fetches else (effects, [])


_CATALOG = Chunk("catalog", CATALOG)
