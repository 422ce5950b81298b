"""`python -m bench [case ...] [--quick]`: every case, then one table.

A case compares within one run where it can; beside wall times stands the yardstick, a fixed piece
of work. Bounds are stated for a quiet machine: look at the load before believing a broken one.
"""

import argparse
import os
import sys
from collections.abc import Callable

from bench import (
    all_rules,
    bookkeeping,
    commands,
    file_to_validated,
    grouped_days,
    indices,
    latency,
    metrics,
    metrics_day,
    one_more_day,
    pg_load,
    pg_marts,
    shares,
    ticks,
)
from bench.result import LeftOut, Line, at_most, repeated, table
from bench.yardstick import yardstick


def _bookkeeping(*, quick: bool) -> list[Line]:
    """Dagster's own cost per partition and asset."""
    sessions = 20 if quick else 1259

    def once() -> float:
        return bookkeeping.measure(sessions)["ms_per_partition_asset"]

    value, spread = repeated(1 if quick else 3, once)
    what = "Dagster per partition and asset, ms"
    return [at_most("bookkeeping", what, value, 3, f"{sessions} sessions, {spread}")]


CASES: dict[str, Callable[..., list[Line]]] = {
    "file_to_validated": file_to_validated.run,
    "all_rules": all_rules.run,
    "shares": shares.run,
    "grouped_days": grouped_days.run,
    "indices": indices.run,
    "bookkeeping": _bookkeeping,
    "sp_run": commands.sp_run,
    "whole_graph": commands.whole_graph,
    "demo": commands.demo,
    "one_more_day": one_more_day.run,
    "metrics_last": metrics.last_date,
    "metrics_history": metrics.history,
    "metrics_day": metrics_day.run,
    "pg_load": pg_load.load,
    "pg_day": pg_load.day,
    "pg_memory": pg_load.memory,
    "pg_marts": pg_marts.run,
    "ticks": ticks.run,
    "latency": latency.run,
}


def run(names: list[str], *, quick: bool) -> list[Line]:
    """The lines of these cases, between two lines of the yardstick."""
    lines = [Line("yardstick", "fixed work before, s", yardstick(), note=_load())]
    for name in names or list(CASES):
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            lines += CASES[name](quick=quick)
        except LeftOut as reason:
            print(f"{name} is left out: {reason}", file=sys.stderr)
    return [*lines, Line("yardstick", "fixed work after, s", yardstick(), note=_load())]


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> int:
    """Print the table; 1 where a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does every case run?")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.cases if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    lines = run(arguments.cases, quick=arguments.quick)
    print(table(lines))
    return int(any(line.holds is False for line in lines) and not arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
