"""Line charts as SVG inside a page: a few named lines over dates, with axes and a legend in words.

In: dates and values. Out: HTML. Each line has a dash pattern beside its colour, so that it can be
told apart without colour; long histories are thinned to what a screen can show.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape

_MOST_POINTS = 600
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 1000, 320, 70, 24
_COLOURS = ("#1f77b4", "#d95f02", "#2ca02c", "#b3261e", "#7e57c2", "#8c564b", "#d6408f", "#6b7785",
            "#8a8a00", "#0097a7")  # fmt: skip
_DASHES = ("", "8 3", "2 3", "10 3 2 3", "4 4")


def lines(
    label: str,
    days: Sequence[date],
    values: Mapping[str, Sequence[float]],
    form: str = ",.0f",
    scale: float = 1.0,
) -> str:
    """A chart of these lines.

    Args:
        label: What it shows, in words.
        days: Two or more, ascending.
        values: Of each line by name, one a day.
        form: Format of the numbers at the axis.
        scale: Numbers at the axis are values times it (100: percent).
    """
    low = min(min(v) for v in values.values())
    high = max(max(v) for v in values.values())
    high = high if high > low else low + 1
    span = max(1, (days[-1] - days[0]).days)
    step = max(1, -(-len(days) // _MOST_POINTS))
    # The extremes stay, whatever is thinned.
    ends = {own.index(find(own)) for own in map(list, values.values()) for find in (min, max)}
    kept = sorted({*range(0, len(days), step), len(days) - 1, *ends})

    def across(n: int) -> float:
        return _LEFT + (_WIDTH - _LEFT) * (days[n] - days[0]).days / span

    def down(value: float) -> float:
        return 8 + (_HEIGHT - _BOTTOM - 16) * (high - value) / (high - low)

    parts = [_grid(low + (high - low) * n / 4, down, form, scale) for n in range(5)]
    for n in (0, len(days) // 2, len(days) - 1):
        anchor = "start" if n == 0 else "end" if n == len(days) - 1 else "middle"
        parts.append(_text(across(n), _HEIGHT - 6, str(days[n]), anchor))
    for place, (name, own) in enumerate(values.items()):
        points = " ".join(f"{across(n):.1f},{down(own[n]):.1f}" for n in kept)
        parts.append(
            f'<polyline {_stroke(place)} points="{points}"><title>{escape(name)}</title></polyline>'
        )
    legend = "".join(_key(n, name) for n, name in enumerate(values))
    return (
        f'<p class="soft">{escape(label)}</p><svg role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" style="width:100%;height:auto">{"".join(parts)}</svg>'
        f"<p>{legend}</p>"
    )


def _grid(value: float, down: Callable[[float], float], form: str, scale: float) -> str:
    y = down(value)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
    return f'{line}stroke-opacity=".15"/>' + _text(
        _LEFT - 8, y + 4, f"{value * scale:{form}}", "end"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="13" '
        f'fill="currentColor">{escape(text)}</text>'
    )


def _stroke(place: int) -> str:
    colour, dash = _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]
    return f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'


def _key(place: int, name: str) -> str:
    return (
        f'<span style="margin-right:1rem;white-space:nowrap"><svg width="36" height="10" '
        f'aria-hidden="true"><line {_stroke(place)} x1="0" x2="36" y1="5" y2="5"/></svg> '
        f"{escape(name)}</span>"
    )
