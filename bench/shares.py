"""What rules and contracts take of a whole backfill: `python -m bench.shares` on FUNDPLATFORM_HOME.

The command's own chain, files to metrics; the time inside the rules, inside the contracts, and of
the contracts' process is taken out of the whole. CPU seconds, printed as JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from bench.commands import _own, _run
from bench.cpu import used
from bench.inputs import FIRST, LAST, Bars, drop_bars, write_synthetic
from bench.result import Line, at_most

NAME = "shares"


def run(*, quick: bool) -> list[Line]:
    """A drop folder of 5M bars to metrics, in a process of its own."""
    with TemporaryDirectory() as home:
        made = Path(home) / "bars.csv.gz"
        symbols = 12 if quick else 4_000
        write_synthetic(made, symbols)
        drop_bars(Path(home), Bars(made, real=False))
        told = json.loads(_run([sys.executable, "-m", __name__], _own(home)).splitlines()[-1])
    whole = told["whole"]
    note = f"{symbols} names, 5 years, files to metrics, {whole:.0f} s of CPU"
    contracts = told["contracts"] + told["process"]
    return [
        at_most(NAME, "CPU of the rules / the whole", told["rules"] / whole, 0.1, note),
        at_most(
            NAME, "CPU of contracts and import / the rest", contracts / (whole - contracts), 0.1
        ),
        Line(NAME, "rules, CPU s", told["rules"]),
        Line(NAME, "contracts in the run, CPU s", told["contracts"]),
        Line(NAME, "contracts' process with its import, CPU s", told["process"]),
    ]


def main() -> None:
    """The backfill, measured."""
    from fundplatform import checks, contract_worker
    from fundplatform.assets import raw
    from fundplatform.command_line import prepare
    from fundplatform.finance import rules
    from fundplatform.settings import Settings

    spent = {"rules": 0.0, "contracts": 0.0}
    rules.judge = _timed(rules.judge, "rules", spent)
    checks.held = _timed(checks.held, "contracts", spent)
    raw.counted = _timed(raw.counted, "contracts", spent)  # type: ignore[attr-defined]
    checks.Contracts.keep = _timed(checks.Contracts.keep, "contracts", spent)  # type: ignore[method-assign]
    job = prepare(Settings.from_env(), [], (FIRST, LAST))
    worker = contract_worker.start()
    failed: list[Any] = []
    job.run(lambda _: None, lambda outcome: failed.extend(outcome.errors))
    if failed:
        raise RuntimeError(f"the backfill failed: {failed}")
    process = used([psutil.Process(worker.pid)])
    worker.stop()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = time.process_time() + children.ru_utime + children.ru_stime
    print(json.dumps({**spent, "process": process, "whole": whole}))


def _timed(work: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    @wraps(work)
    def measured(*args: Any, **named: Any) -> Any:  # noqa: ANN401
        begun = time.process_time()
        try:
            return work(*args, **named)
        finally:
            spent[name] += time.process_time() - begun

    return measured


if __name__ == "__main__":
    main()
