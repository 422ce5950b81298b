"""Line charts as SVG inside a page: a few named lines over dates, with axes and a legend in words.

In: dates and values. Out: HTML. Each line has a dash pattern beside its colour, so that it can be
told apart without colour; long histories are thinned to what a screen can show.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import ceil, floor, log10

_MOST_POINTS = 600
_CLOSE = 1e-9
_WIDTH, _HEIGHT = 1000, 320
_COLOURS = ("#1f77b4", "#d95f02", "#2ca02c", "#b3261e", "#7e57c2", "#8c564b", "#d6408f", "#6b7785",
            "#8a8a00", "#0097a7")  # fmt: skip
FIXED = 'vector-effect="non-scaling-stroke"'
_DASHES = ("", "8 3", "2 3", "10 3 2 3", "4 4")


def lines(
    label: str,
    days: Sequence[date],
    values: Mapping[str, Sequence[float]],
    scale: float = 1.0,
) -> str:
    """A chart of these lines.

    Args:
        label: What it shows, in words.
        days: Two or more, ascending.
        values: Of each line by name, one a day.
        scale: Numbers at the axis are values times it (100: percent).
    """
    marks = axis(min(min(v) for v in values.values()), max(max(v) for v in values.values()), scale)
    low, high = marks[0][0], marks[-1][0]
    span = max(1, (days[-1] - days[0]).days)
    step = max(1, -(-len(days) // _MOST_POINTS))
    # The extremes stay, whatever is thinned.
    ends = {own.index(find(own)) for own in map(list, values.values()) for find in (min, max)}
    kept = sorted({*range(0, len(days), step), len(days) - 1, *ends})

    def across(n: int) -> float:
        return _WIDTH * (days[n] - days[0]).days / span

    def down(value: float) -> float:
        return 8 + (_HEIGHT - 16) * (high - value) / (high - low)

    drawn = []
    for place, (name, own) in enumerate(values.items()):
        points = " ".join(f"{across(n):.1f},{down(own[n]):.1f}" for n in kept)
        drawn.append(
            f'<polyline {_stroke(place)} points="{points}"><title>{escape(name)}</title></polyline>'
        )
    legend = "".join(_key(n, name) for n, name in enumerate(values))
    # The day in the middle of the axis: sessions stored daily of late crowd at its end.
    below = (days[0], days[0] + (days[-1] - days[0]) / 2, days[-1])
    heights = [(down(v), text) for v, text in marks]
    chart = framed(label, "".join(drawn), heights, [str(day) for day in below])
    return f"{chart}<p>{legend}</p>"


def axis(low: float, high: float, scale: float = 1.0) -> list[tuple[float, str]]:
    """Four to nine round values from one at or below `low` to one at or above `high`, and texts.

    Args:
        low: Lowest value drawn.
        high: Highest.
        scale: Texts say values times it (100: percent).
    """
    span = scale * (high - low) or 1.0
    unit = 10.0 ** floor(log10(span / 3))
    step = unit * max(n for n in (1, 2, 5) if n == 1 or n * unit <= span / 3)
    first, last = floor(scale * low / step + _CLOSE), ceil(scale * high / step - _CLOSE)
    places = max(0, -floor(log10(step)))
    numbers = [n * step for n in range(first, max(last, first + 1) + 1)]
    return [(n / scale, f"{n:,.{places}f}") for n in numbers]


def framed(
    label: str,
    drawn: str,
    heights: Sequence[tuple[float, str]],
    below: Sequence[str],
    *,
    each: bool = False,
) -> str:
    """A drawing of 1000 x 320 that fills its place, its words beside it as words of the page.

    A drawing that shrank as a whole would take its words with it: on a phone nobody could read
    them.

    Args:
        label: What it shows.
        drawn: SVG; strokes keep their width.
        heights: (y, text) of the lines across.
        below: Texts below it, from end to end.
        each: True where each stands below the middle of an equal part.
    """
    grid = "".join(
        f'<line class="grid" x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" {FIXED}/>'
        for y, _ in heights
    )
    marks = "".join(
        f'<span style="top:{100 * y / _HEIGHT:.1f}%">{escape(text)}</span>' for y, text in heights
    )
    under = "".join(f"<span>{escape(text)}</span>" for text in below)
    return (
        f'<p class="soft">{escape(label)}</p><div class="chart"><div class="marks">{marks}</div>'
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'preserveAspectRatio="none">{grid}{drawn}</svg>'
        f'<div class="below{" each" if each else ""}" aria-hidden="true">{under}</div></div>'
    )


def _stroke(place: int) -> str:
    colour, dash = _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]
    return f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" {FIXED}'


def _key(place: int, name: str) -> str:
    return (
        f'<span style="margin-right:1rem;white-space:nowrap"><svg width="36" height="10" '
        f'aria-hidden="true"><line {_stroke(place)} x1="0" x2="36" y1="5" y2="5"/></svg> '
        f"{escape(name)}</span>"
    )
