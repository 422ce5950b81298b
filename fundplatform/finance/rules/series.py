"""Rules that look at the bars before: V16 to V19, V22 and V24; V20 and V21 are `split_rules.py`'s.

In: a `Walk`. Out: the bars that fail, with the reason where they are refused. Windows hang on the
bars alone (`walk.py`), so no verdict depends on how a range is cut into chunks. Medians are taken
only where a cheap condition makes a fault possible.
"""

import numpy as np

from fundplatform.finance.rules.catalog import LOOKBACK_DAYS
from fundplatform.finance.rules.found import Found, Released, change, limit, marked, median, refused
from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.split_rules import double_adjusted, unrecorded_splits
from fundplatform.finance.rules.walk import Bools, Floats, Ints, Walk

_BASIS_POINT = 1e-4
_OFF = np.log(30.0)
_KNOWN_LEVEL = 5
_SHIFTS = (10.0, 100.0, 0.1, 0.01)
_FAR = 3.0


def judge_series(walk: Walk, limits: Limits) -> tuple[list[Found], Released]:
    """What every rule over the bars before finds."""
    splits, released = unrecorded_splits(walk, limits)
    found = [
        _unusual_returns(walk, limits),
        _caps(walk, limits),
        *_standing_still(walk, limits),
        _volumes(walk, limits),
        *splits,
        double_adjusted(walk, limits),
        _hundredfold(walk, limits),
        _shifted(walk, limits),
        _open_gaps(walk, limits),
    ]
    return [f for f in found if len(f.rows)], released


def _unusual_returns(walk: Walk, limits: Limits) -> Found:
    """V16. The window is the bar's own return and up to 59 before it."""
    move, z, bars = (limit(walk, limits, "V16", n) for n in ("move", "z", "bars"))
    returns = np.expm1(walk.log_return)
    candidates = np.flatnonzero(np.abs(returns) > move)
    fails = np.zeros(len(candidates), np.bool_)
    for part, rows, inside in walk.windows(candidates):
        own = candidates[part]
        valid = inside[:, 1:] & inside[:, :-1]
        earlier = np.where(valid, returns[rows[:, 1:]], np.nan)
        every = np.column_stack([earlier, returns[own]])
        middle = median(every)
        spread = np.maximum(median(np.abs(every - middle[:, None])), _BASIS_POINT)
        score = 0.6745 * np.abs(returns[own] - middle) / spread
        fails[part] = (score > z[own]) & (valid.sum(axis=1) >= bars[own])
    return marked(walk, "V16", candidates[fails])


def _caps(walk: Walk, limits: Limits) -> Found:
    """V17."""
    cap = limit(walk, limits, "V17", "cap")
    beyond = np.abs(np.expm1(walk.log_return)) > cap
    if walk.jump.any():
        # A split on record that the price does not show is V21's.
        beyond &= np.abs(np.expm1(walk.log_return + walk.jump)) > cap
    candidates = np.flatnonzero(beyond & ~walk.other)
    level, known = _levels(walk, candidates)
    fails = np.abs(np.expm1(level)) > cap[candidates]
    fails &= known >= limit(walk, limits, "V17", "bars")[candidates]
    return refused(
        walk,
        "V17",
        candidates[fails],
        lambda p: f"{change(walk, p)}: beyond {cap[p]:.0%} without an action",
    )


def _standing_still(walk: Walk, limits: Limits) -> list[Found]:
    """V18."""
    sound = np.flatnonzero(walk.sound)
    same = _as_before(walk, sound)
    place = np.arange(len(sound))
    run = place - np.maximum.accumulate(np.where(same, 0, place)) + 1
    still = np.flatnonzero(same)
    bars = sound[still]

    def runs_of(name: str) -> Bools:
        length = limit(walk, limits, "V18", name)[bars]
        start = np.maximum(still - length + 1, 0).astype(np.int64)
        near = walk.day[bars] - walk.day[sound[start]] <= LOOKBACK_DAYS
        return (run[still] >= length) & near

    stuck, standing = runs_of("error"), runs_of("warn")
    error = limit(walk, limits, "V18", "error")
    return [
        refused(
            walk,
            "V18",
            bars[stuck],
            lambda p: f"the same prices and volume for {error[p]:.0f} bars or more",
        ),
        marked(walk, "V18", bars[standing & ~stuck]),
    ]


def _as_before(walk: Walk, sound: Ints) -> Bools:
    """By sound bar: prices and volume are those of the bar before."""
    same = np.zeros(len(sound), np.bool_)
    close = walk.close[sound]
    same[1:] = (walk.before[sound[1:]] == sound[:-1]) & (close[1:] == close[:-1])
    # Few bars have the close of the one before: only those are looked at further.
    at = np.flatnonzero(same)
    own, last = sound[at], sound[at - 1]
    for values in (walk.open, walk.high, walk.low, walk.volume):
        left, right = values[last], values[own]
        same[at] &= (left == right) | (np.isnan(left) & np.isnan(right))
    same[at] &= ~(np.isnan(walk.volume[own]) & (walk.high[own] == walk.low[own]))
    return same


def _volumes(walk: Walk, limits: Limits) -> Found:
    """V19."""
    times, bars = (limit(walk, limits, "V19", n) for n in ("times", "bars"))
    lowest = _lowest_of_last(walk)
    candidates = np.flatnonzero(walk.volume > times * lowest)
    fails = np.zeros(len(candidates), np.bool_)
    for part, rows, inside in walk.windows(candidates):
        own = candidates[part]
        known = np.where(inside, walk.volume[rows], np.nan)
        usual = median(known)
        enough = (~np.isnan(known)).sum(axis=1) >= bars[own]
        fails[part] = enough & (usual > 0) & (walk.volume[own] > times[own] * usual)
    return marked(walk, "V19", candidates[fails])


def _lowest_of_last(walk: Walk) -> Floats:
    """A lower bound of the median of each bar's window: the least volume of the 64 bars before."""
    lowest = np.where(np.isnan(walk.volume), np.inf, walk.volume)
    lowest[~walk.sound] = np.inf
    lowest = np.concatenate(([np.inf], lowest[:-1]))[: len(lowest)]
    for step in (1, 2, 4, 8, 16, 32):
        shifted = np.concatenate((np.full(step, np.inf), lowest[:-step]))[: len(lowest)]
        lowest = np.minimum(lowest, shifted)
    return lowest


def _hundredfold(walk: Walk, limits: Limits) -> Found:
    """V22."""
    tolerance = limit(walk, limits, "V22", "tolerance")
    size = np.abs(walk.log_return)
    step = np.abs(np.exp(np.where(size < 6, size, 6)) / 100 - 1) <= tolerance
    steps = np.where(step, np.sign(walk.log_return), 0.0)
    candidates = _soon_after(walk, steps != 0)
    level, known = _levels(walk, candidates)
    net = np.zeros(len(candidates))
    for part, rows, inside in walk.windows(candidates):
        earlier = np.where(inside[:, 1:] & inside[:, :-1], steps[rows[:, 1:]], 0.0)
        net[part] = earlier.sum(axis=1) + steps[candidates[part]]
    off = (net != 0) & (np.abs(level) > _OFF) & (np.sign(level) == np.sign(net))
    # With a few bars before nobody can say which level is right: only the step itself is.
    fails = off & ((known >= _KNOWN_LEVEL) | (steps[candidates] != 0))
    return refused(
        walk,
        "V22",
        candidates[fails],
        lambda p: f"{change(walk, p)}: a factor of 100 off the sessions before",
    )


def _shifted(walk: Walk, limits: Limits) -> Found:
    """V22 in one field: ten- or hundredfold it would lie among the bar's other prices."""
    tolerance = limit(walk, limits, "V22", "tolerance")
    fields = (walk.open, walk.high, walk.low)
    shifted = np.zeros(len(walk.row), np.bool_)
    for number, own in enumerate(fields):
        others = (walk.close, *fields[:number], *fields[number + 1 :])
        lowest, highest = np.minimum.reduce(others), np.maximum.reduce(others)
        far = (lowest > 0) & (own > 0) & ((own * _FAR < lowest) | (own > highest * _FAR))
        for place in np.flatnonzero(far):
            near = tolerance[place]
            least, most = lowest[place] * (1 - near), highest[place] * (1 + near)
            shifted[place] |= any(least <= own[place] * k <= most for k in _SHIFTS)
    return marked(walk, "V22", np.flatnonzero(shifted))


def _soon_after(walk: Walk, step: Bools) -> Ints:
    """The bars with a step, and those that a step may still be open for: 60 sound bars on."""
    places: list[Ints] = []
    for place in np.flatnonzero(step):
        last = int(np.searchsorted(walk.series, walk.series[place], side="right"))
        until = walk.day[place] + LOOKBACK_DAYS
        span = place + int(np.searchsorted(walk.day[place:last], until, side="right"))
        places.append(np.arange(place, span if walk.sound[place] else place + 1))
    return np.unique(np.concatenate(places)) if places else np.zeros(0, np.int64)


def _open_gaps(walk: Walk, limits: Limits) -> Found:
    """V24."""
    gap = limit(walk, limits, "V24", "gap")
    before = walk.at(walk.close)
    if walk.jump.any():
        before = before * np.exp(walk.jump)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(walk.open / before - 1)
    return marked(walk, "V24", np.flatnonzero((moved > gap) & (before > 0)))


def _levels(walk: Walk, places: Ints) -> tuple[Floats, Ints]:
    """ln(close / median close of the window), actions taken out; and the bars in the window."""
    level, known = np.full(len(places), np.nan), np.zeros(len(places), np.int64)
    for part, rows, inside in walk.windows(places):
        later = np.where(inside, walk.log_return[rows], 0.0)
        # How far the price went from each bar of the window to the last one.
        gone = np.cumsum(later[:, :0:-1], axis=1)[:, ::-1]
        heights = np.where(inside, np.column_stack([gone, np.zeros(len(later))]), np.nan)
        level[part] = walk.log_return[places[part]] + median(heights)
        known[part] = inside.sum(axis=1)
    return level, known
