"""`fundplatform export ...`: what the warehouse holds as a file. Thin, like cli.py."""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import IO

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import DAY, check_order, quiet_store
from fundplatform.export import Export
from fundplatform.export_datasets import DATASETS
from fundplatform.export_files import BINARY, FORMATS, beside, sink, whole
from fundplatform.settings import Settings


@click.command()
@click.argument("dataset", type=click.Choice(list(DATASETS)))
@click.argument("names", nargs=-1)
@click.option("--from", "first", type=DAY, help="First session (default: the first there is).")
@click.option("--to", "last", type=DAY, help="Last session (default: the newest).")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Default: the ending of --out.")
@click.option("--fields", help="Columns, comma-separated and in this order (default: all).")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File (default, or -: standard output)."
)
def export(
    dataset: str,
    names: Sequence[str],
    first: date | None,
    last: date | None,
    kind: str | None,
    fields: str | None,
    out: Path | None,
) -> None:
    """Write a DATASET of the published warehouse, of all or of NAME... (symbols, index names).

    Streamed in batches of whole sessions. CSV begins with # lines that state the data's dates and
    basis, JSON has them in `about`; beside Parquet and XLSX stands FILE.about.json.
    """
    out = None if out == Path("-") else out
    kind = kind or _ending(out)
    check_order(first, last)
    if out is None and kind in BINARY:
        raise click.UsageError(f"--format {kind} needs --out FILE")
    chosen = [f.strip() for f in fields.split(",")] if fields else []
    with quiet_store(Settings.from_env()).snapshot() as seen:
        wanted = Export(seen, dataset, first, last, names, chosen)
        if out is None:
            write(wanted, kind, sys.stdout.buffer)
            return
        with whole(out) as into:
            about = write(wanted, kind, into)
    if kind in BINARY and out.is_file():
        beside(out, about)
    click.echo(
        f"{about['rows']:,} rows, {about['data_from']} to {about['data_to']}, "
        f"basis {about['basis']}: {out}",
        err=not out.is_file(),
    )


def write(wanted: Export, kind: str, into: IO[bytes]) -> dict[str, object]:
    """Stream an export into an open file; returns what the data is."""
    about = wanted.about(utc_now())
    file = sink(kind, into, wanted.schema(), about)
    for batch in wanted.batches():
        file.add(batch)
    file.close()
    return about


def _ending(out: Path | None) -> str:
    """The format that the file's name tells; csv where there is no ending."""
    ending = out.suffix.removeprefix(".").lower() if out else ""
    if ending and ending not in FORMATS:
        none = f"--out {out}: its ending is none of {', '.join(FORMATS)}; say --format"
        raise click.UsageError(none)
    return ending or "csv"
