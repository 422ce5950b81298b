"""Arrays of unequal parts laid end to end: `starts` [parts + 1] says where each begins.

Nothing here knows of indices. A sum of one part does not depend on the others, to the last bit.
"""

import numpy as np
import numpy.typing as npt

from fundplatform.finance.index.layout import Floats
from fundplatform.finance.index.panel import Ints


def starts_of(sizes: Ints) -> Ints:
    """Where parts of these sizes begin, and the end."""
    starts: Ints = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    return starts


def owners(starts: Ints) -> Ints:
    """The part of each element."""
    return np.repeat(np.arange(starts.size - 1), np.diff(starts))


def sums(values: npt.NDArray[np.float64], starts: Ints) -> Floats:
    """[parts] sum of each part; 0 of an empty one."""
    found = np.zeros(starts.size - 1)
    filled = starts[1:] > starts[:-1]
    if filled.any():
        found[filled] = np.add.reduceat(values, starts[:-1][filled])
    return found


def counts(marks: npt.NDArray[np.bool_], starts: Ints) -> Ints:
    """[parts] how many of each part are marked."""
    running = starts_of(marks.astype(np.int64))
    return running[starts[1:]] - running[starts[:-1]]
