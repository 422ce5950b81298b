"""CPU seconds of processes, for cases whose work is not all in one. No measuring of wall time."""

from collections.abc import Iterable

import psutil


def used(processes: Iterable[psutil.Process]) -> float:
    """What they have used, user and system, with their children that ended."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total
