"""`make demo`: the built-in sample through the whole graph, offline, and what came out of it."""

from rich.console import Console

from fundplatform import summary
from fundplatform.command_line import prepare, run_backfill
from fundplatform.definitions import open_store
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind
from fundplatform.sources.sample import Sample
from fundplatform.storage.base import Store

NEXT = """[bold]Next[/bold]
  make ui                                    the Dagster UI on http://127.0.0.1:3000
  fundplatform status                        rows, missing and rejected per source
  fundplatform backfill SOURCE --from DATE   load more; the same command resumes after a crash

Your own files: a folder with a source.yaml below {drop} is a source (docs/drop-folders.md).
BI tools read {warehouse} (views in schema marts)."""


def run_demo(settings: Settings, years: int, console: Console) -> bool:
    """Load the sample (all of it, or its last `years`) and print the results; False on failure."""
    coverage = Sample().spec.kinds[Kind.OHLCV]
    last = coverage.end or coverage.start
    first = last.replace(year=last.year - years) if years else coverage.start
    console.print(
        f"Sample: 5 US stocks and ECB reference rates, {first}..{last}, real data, offline. "
        f"Home: {settings.home}"
    )
    job = prepare(settings, ["sample"], (first, last))
    store = open_store(settings)
    ok = run_backfill(job, store)
    for title, frame in summary.results(store):
        console.print()
        console.print(summary.frame_table(frame, title))
    console.print()
    console.print(
        NEXT.format(drop=settings.drop, warehouse=_bi_address(settings, store)),
        soft_wrap=True,
    )
    return ok


def _bi_address(settings: Settings, store: Store) -> str:
    if settings.warehouse_url:
        return store.describe().split(": ")[0]
    return str(settings.published / settings.warehouse.name)
