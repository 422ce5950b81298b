"""`make demo`: the built-in sample through the whole graph, offline, and what came out of it."""

import shutil
import sys
from pathlib import Path

from rich.console import Console

from fundplatform import summary
from fundplatform.command_line import prepare, run_backfill
from fundplatform.definitions import open_store
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind
from fundplatform.sources.sample import Sample
from fundplatform.storage.base import Store

COMMANDS = {
    "ui": "the Dagster UI on http://127.0.0.1:3000, as `make ui`",
    "status": "rows, missing and rejected per source",
    "compare AAPL MSFT": "two stocks side by side",
    "explain metric AAPL 2013-03-01 5Y": "what stands behind a number",
    "sources": "whom else it can load, and what they need",
    "backfill SOURCE --from DATE": "load more; the same command resumes after a crash",
}
NEXT = """[bold]Next[/bold]{path}
{commands}

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
        NEXT.format(
            path=_path(),
            commands="\n".join(f"  fundplatform {c:<36}{what}" for c, what in COMMANDS.items()),
            drop=settings.drop,
            warehouse=_bi_address(settings, store),
        ),
        soft_wrap=True,
    )
    return ok


def _path() -> str:
    """The line that makes the commands known to the shell, where it does not know them."""
    if shutil.which("fundplatform"):
        return ""
    activate = Path(sys.executable).with_name("activate")
    here = Path.cwd()
    shown = activate.relative_to(here) if activate.is_relative_to(here) else activate
    return f" (first: . {shown})"


def _bi_address(settings: Settings, store: Store) -> str:
    if settings.warehouse_url:
        return store.describe().split(": ")[0]
    return str(settings.published / settings.warehouse.name)
