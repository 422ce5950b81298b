"""Splits that are not on record, and splits on record that the price has taken out: V20 and V21.

In: a `Walk`. Out: the bars that fail. Which splits count is settled in `finance/splits.py`.
"""

import numpy as np

from fundplatform.finance.rules.catalog import AHEAD_DAYS, AHEAD_SESSIONS
from fundplatform.finance.rules.found import Found, Released, change, limit, marked, median, refused
from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.walk import Bools, Floats, Ints, Walk

RATIOS = (2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 1.5, 4 / 3)
_HELD_FROM = 2.0
_VOLUMES = 20


def unrecorded_splits(walk: Walk, limits: Limits) -> tuple[list[Found], Released]:
    """V20: the bars like a split that nobody states; and those whose hold later bars lift."""
    tolerance = limit(walk, limits, "V20", "tolerance")
    moved = np.flatnonzero(np.abs(walk.log_return) > np.log(4 / 3) - tolerance)
    ratio = _ratio(walk.log_return[moved], tolerance[moved])
    moved, ratio = moved[ratio > 0], ratio[ratio > 0]
    held = np.maximum(ratio, 1 / ratio) >= _HELD_FROM - 1e-9
    held &= _opens_alike(walk, moved, ratio, tolerance[moved])
    held &= _volume_follows(walk, moved, ratio)
    back = np.array(
        [
            _goes_back(walk, int(p), float(q)) if h else -1
            for p, q, h in zip(moved, ratio, held, strict=True)
        ],
        dtype=np.int64,
    )
    stays = held & (back < 0)
    lifted = held & (back >= 0)
    factor = dict(zip(moved.tolist(), ratio.tolist(), strict=True))
    found = [
        refused(
            walk,
            "V20",
            moved[stays],
            lambda p: f"{change(walk, p)}: like a split of {factor[int(p)]:.4g}, none on record",
        ),
        marked(walk, "V20", moved[~stays]),
    ]
    return found, Released(walk.row[moved[lifted]], walk.row[back[lifted]])


def _ratio(log_return: Floats, tolerance: Floats) -> Floats:
    """The nearest split ratio within the tolerance; 0 without one."""
    every = np.array([*RATIOS, *(1 / q for q in RATIOS)])
    off = np.abs(log_return[:, None] + np.log(every))
    nearest = off.argmin(axis=1)
    near = off[np.arange(len(off)), nearest] <= tolerance
    return np.where(near, every[nearest], 0.0)


def _opens_alike(walk: Walk, places: Ints, ratio: Floats, tolerance: Floats) -> Bools:
    before = walk.close[walk.before[places]]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log(walk.open[places] / before) - walk.jump[places]
    return np.abs(gap + np.log(ratio)) <= tolerance


def _volume_follows(walk: Walk, places: Ints, ratio: Floats) -> Bools:
    """From the median of 20 bars by a factor within 2 of the ratio, in the same direction."""
    follows = np.zeros(len(places), np.bool_)
    for part, rows, inside in walk.windows(places):
        known = np.where(inside, walk.volume[rows], np.nan)[:, -_VOLUMES:]
        usual = median(known)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log(walk.volume[places[part]] / usual)
        wanted = np.log(ratio[part])
        follows[part] = (np.abs(scaled - wanted) <= np.log(2)) & (scaled * wanted > 0)
    return follows


def _goes_back(walk: Walk, place: int, ratio: float) -> int:
    """The first of the next three sound bars on which the old level is nearer again; else -1."""
    level, seen = 0.0, 0
    for later in range(place + 1, len(walk.row)):
        near = walk.day[later] - walk.day[place] <= AHEAD_DAYS
        if walk.series[later] != walk.series[place] or not near or seen == AHEAD_SESSIONS:
            return -1
        if not walk.sound[later]:
            continue
        level, seen = level + walk.log_return[later], seen + 1
        if level * np.log(ratio) > 0 and abs(level) > abs(np.log(ratio)) / 2:
            return later
    return -1


def double_adjusted(walk: Walk, limits: Limits) -> Found:
    """V21: a split on record that the price does not show."""
    split = np.flatnonzero((walk.split != 1) & (walk.before >= 0))
    wanted = -np.log(walk.split[split])
    found = walk.log_return[split] + walk.jump[split]
    off = np.abs(found - wanted) > limit(walk, limits, "V21", "tolerance")[split]
    fails = off & (np.abs(found) < np.abs(wanted) / 2)
    return refused(
        walk,
        "V21",
        split[fails],
        lambda p: f"{change(walk, p)} although a split of {walk.split[p]:.4g} is on record",
    )
