"""Rules that look at the bars before: V15 to V22 and V24.

In: a `Walk`. Out: the bars that fail, with the reason where they are refused. Windows hang on the
bars alone (`walk.py`), so no verdict depends on how a range is cut into chunks. Medians are taken
only where a cheap condition makes a fault possible.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fundplatform.finance.rules.catalog import AHEAD_DAYS, AHEAD_SESSIONS, LOOKBACK_DAYS
from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.walk import Bools, Floats, Ints, Walk

RATIOS = (2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 1.5, 4 / 3)
_HELD_FROM = 2.0
_BASIS_POINT = 1e-4
_OFF = np.log(30.0)
_KNOWN_LEVEL = 5
_SHIFTS = (10.0, 100.0, 0.1, 0.01)
_FAR = 3.0
_VOLUMES = 20


@dataclass(frozen=True)
class Found:
    """The rows that one rule found.

    Attributes:
        rule: Its id.
        rows: Positions in the frame.
        blocks: True where they are refused, False where they are only marked.
        reasons: What is wrong, one a row; only where they are refused.
    """

    rule: str
    rows: Ints
    blocks: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Released:
    """Rows whose hold later bars have lifted, and the bar that did."""

    rows: Ints
    by: Ints


def judge_series(walk: Walk, limits: Limits) -> tuple[list[Found], Released]:
    """What every rule over the bars before finds."""
    splits, released = _unrecorded_splits(walk, limits)
    found = [
        _unusual_returns(walk, limits),
        _caps(walk, limits),
        *_standing_still(walk, limits),
        _volumes(walk, limits),
        *splits,
        _double_adjusted(walk, limits),
        _hundredfold(walk, limits),
        _shifted(walk, limits),
        _open_gaps(walk, limits),
    ]
    return [f for f in found if len(f.rows)], released


def _limit(walk: Walk, limits: Limits, rule: str, name: str) -> Floats:
    return np.broadcast_to(np.asarray(limits.of(rule, name, walk.frame)), walk.row.shape)


def _marked(walk: Walk, rule: str, places: Ints) -> Found:
    return Found(rule, walk.row[places])


def _refused(walk: Walk, rule: str, places: Ints, reason: Callable[[int], str]) -> Found:
    return Found(rule, walk.row[places], blocks=True, reasons=[reason(p) for p in places])


def _change(walk: Walk, place: int) -> str:
    return f"close {walk.close[place]:.10g} after {walk.close[walk.before[place]]:.10g}"


def _unusual_returns(walk: Walk, limits: Limits) -> Found:
    """V16. The window is the bar's own return and up to 59 before it."""
    move, z, bars = (_limit(walk, limits, "V16", n) for n in ("move", "z", "bars"))
    returns = np.expm1(walk.log_return)
    candidates = np.flatnonzero(np.abs(returns) > move)
    fails = np.zeros(len(candidates), np.bool_)
    for part, rows, inside in walk.windows(candidates):
        own = candidates[part]
        valid = inside[:, 1:] & inside[:, :-1]
        earlier = np.where(valid, returns[rows[:, 1:]], np.nan)
        every = np.column_stack([earlier, returns[own]])
        middle = _median(every)
        spread = np.maximum(_median(np.abs(every - middle[:, None])), _BASIS_POINT)
        score = 0.6745 * np.abs(returns[own] - middle) / spread
        fails[part] = (score > z[own]) & (valid.sum(axis=1) >= bars[own])
    return _marked(walk, "V16", candidates[fails])


def _caps(walk: Walk, limits: Limits) -> Found:
    """V17."""
    cap = _limit(walk, limits, "V17", "cap")
    beyond = np.abs(np.expm1(walk.log_return)) > cap
    if walk.jump.any():
        # A split on record that the price does not show is V21's.
        beyond &= np.abs(np.expm1(walk.log_return + walk.jump)) > cap
    candidates = np.flatnonzero(beyond & ~walk.other)
    level, known = _levels(walk, candidates)
    fails = np.abs(np.expm1(level)) > cap[candidates]
    fails &= known >= _limit(walk, limits, "V17", "bars")[candidates]
    return _refused(
        walk,
        "V17",
        candidates[fails],
        lambda p: f"{_change(walk, p)}: beyond {cap[p]:.0%} without an action",
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
        length = _limit(walk, limits, "V18", name)[bars]
        start = np.maximum(still - length + 1, 0).astype(np.int64)
        near = walk.day[bars] - walk.day[sound[start]] <= LOOKBACK_DAYS
        return (run[still] >= length) & near

    stuck, standing = runs_of("error"), runs_of("warn")
    error = _limit(walk, limits, "V18", "error")
    return [
        _refused(
            walk,
            "V18",
            bars[stuck],
            lambda p: f"the same prices and volume for {error[p]:.0f} bars or more",
        ),
        _marked(walk, "V18", bars[standing & ~stuck]),
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
    times, bars = (_limit(walk, limits, "V19", n) for n in ("times", "bars"))
    lowest = _lowest_of_last(walk)
    candidates = np.flatnonzero(walk.volume > times * lowest)
    fails = np.zeros(len(candidates), np.bool_)
    for part, rows, inside in walk.windows(candidates):
        own = candidates[part]
        known = np.where(inside, walk.volume[rows], np.nan)
        usual = _median(known)
        enough = (~np.isnan(known)).sum(axis=1) >= bars[own]
        fails[part] = enough & (usual > 0) & (walk.volume[own] > times[own] * usual)
    return _marked(walk, "V19", candidates[fails])


def _lowest_of_last(walk: Walk) -> Floats:
    """A lower bound of the median of each bar's window: the least volume of the 64 bars before."""
    lowest = np.where(np.isnan(walk.volume), np.inf, walk.volume)
    lowest[~walk.sound] = np.inf
    lowest = np.concatenate(([np.inf], lowest[:-1]))[: len(lowest)]
    for step in (1, 2, 4, 8, 16, 32):
        shifted = np.concatenate((np.full(step, np.inf), lowest[:-step]))[: len(lowest)]
        lowest = np.minimum(lowest, shifted)
    return lowest


def _unrecorded_splits(walk: Walk, limits: Limits) -> tuple[list[Found], Released]:
    """V20."""
    tolerance = _limit(walk, limits, "V20", "tolerance")
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
        _refused(
            walk,
            "V20",
            moved[stays],
            lambda p: f"{_change(walk, p)}: like a split of {factor[int(p)]:.4g}, none on record",
        ),
        _marked(walk, "V20", moved[~stays]),
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
        usual = _median(known)
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


def _double_adjusted(walk: Walk, limits: Limits) -> Found:
    """V21."""
    split = np.flatnonzero((walk.split != 1) & (walk.before >= 0))
    wanted = -np.log(walk.split[split])
    found = walk.log_return[split] + walk.jump[split]
    off = np.abs(found - wanted) > _limit(walk, limits, "V21", "tolerance")[split]
    fails = off & (np.abs(found) < np.abs(wanted) / 2)
    return _refused(
        walk,
        "V21",
        split[fails],
        lambda p: f"{_change(walk, p)} although a split of {walk.split[p]:.4g} is on record",
    )


def _hundredfold(walk: Walk, limits: Limits) -> Found:
    """V22."""
    tolerance = _limit(walk, limits, "V22", "tolerance")
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
    return _refused(
        walk,
        "V22",
        candidates[fails],
        lambda p: f"{_change(walk, p)}: a factor of 100 off the sessions before",
    )


def _shifted(walk: Walk, limits: Limits) -> Found:
    """V22 in one field: ten- or hundredfold it would lie among the bar's other prices."""
    tolerance = _limit(walk, limits, "V22", "tolerance")
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
    return _marked(walk, "V22", np.flatnonzero(shifted))


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
    gap = _limit(walk, limits, "V24", "gap")
    before = walk.at(walk.close)
    if walk.jump.any():
        before = before * np.exp(walk.jump)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(walk.open / before - 1)
    return _marked(walk, "V24", np.flatnonzero((moved > gap) & (before > 0)))


def _levels(walk: Walk, places: Ints) -> tuple[Floats, Ints]:
    """ln(close / median close of the window), actions taken out; and the bars in the window."""
    level, known = np.full(len(places), np.nan), np.zeros(len(places), np.int64)
    for part, rows, inside in walk.windows(places):
        later = np.where(inside, walk.log_return[rows], 0.0)
        # How far the price went from each bar of the window to the last one.
        gone = np.cumsum(later[:, :0:-1], axis=1)[:, ::-1]
        heights = np.where(inside, np.column_stack([gone, np.zeros(len(later))]), np.nan)
        level[part] = walk.log_return[places[part]] + _median(heights)
        known[part] = inside.sum(axis=1)
    return level, known


def _median(values: Floats) -> Floats:
    """By row, without NaN; NaN where nothing is left."""
    # NaN sorts last.
    ordered = np.sort(values, axis=1)
    known = (~np.isnan(values)).sum(axis=1)
    lower, upper = (np.maximum((known - 1) // 2, 0), known // 2)
    rows = np.arange(len(values))
    upper = np.minimum(upper, values.shape[1] - 1)
    middle: Floats = (ordered[rows, lower] + ordered[rows, upper]) / 2
    return middle
