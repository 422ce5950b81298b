"""A backfill that stops at prices/validated: `python -m bench.to_validated` on FUNDPLATFORM_HOME.

What the command line does, with the chain cut after prices, so that it ends where zipline's ingest
ends. It prints nothing; a failed run ends it with an error.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.inputs import FIRST, LAST
from fundplatform import contract_worker
from fundplatform.backfill import Backfill
from fundplatform.chain_plan import CHAIN, chain_chunks, chain_days
from fundplatform.chunks import Chunk
from fundplatform.command_line import prepare
from fundplatform.settings import Settings

_PRICES = tuple(key for key in CHAIN if key.path[0] in ("prices", "ops"))


def main() -> None:
    """Fetch, then judge every session."""
    job = prepare(Settings.from_env(), [], (FIRST, LAST))
    contract_worker.start()
    _run(job, job.fetches())
    days = chain_days(job.all_sources, job.instance, FIRST, LAST)
    if days is None:
        raise RuntimeError("no source has bars")
    chain = chain_chunks(job.standing(), job.all_sources, *days)
    _run(job, [replace(chunk, keys=_PRICES) for chunk in chain])


def _run(job: Backfill, chunks: Sequence[Chunk]) -> None:
    for outcome in job.execute(chunks, lambda _: None, lambda _: None):
        if outcome.errors:
            raise RuntimeError(f"{outcome.chunk}: {outcome.errors}")


if __name__ == "__main__":
    main()
