"""A fixed piece of work, so that wall times from two machines, or two hours, can be compared.

Half of it is plain Python, half numpy, on one core. About one second on the machine the bounds
were set on.
"""

import time

import numpy as np

_LOOPS = 4_000_000
_ROUNDS = 12
_SIZE = 1_500_000


def yardstick() -> float:
    """Seconds that the fixed work takes now."""
    begun = time.perf_counter()
    total = 0
    for n in range(_LOOPS):
        total += n & 7
    values = np.random.default_rng(1).random(_SIZE)
    for _ in range(_ROUNDS):
        np.sort(values)
    if total != _LOOPS // 8 * 28:
        raise AssertionError("the yardstick was not worked off")
    return time.perf_counter() - begun
