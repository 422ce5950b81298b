"""A column chart as SVG inside a page: values above and below zero, each with its name.

In: names and values. Out: HTML. The numbers stand in a table beside it: here they are drawn only.
"""

from collections.abc import Sequence
from html import escape

from fundplatform.reports.lines import FIXED, framed

_MOST_NAMES = 12


def columns(label: str, values: Sequence[tuple[str, float]]) -> str:
    """A chart of (name, share) pairs in percent, in this order.

    Args:
        label: What it shows, in words.
        values: One or more; decimals.
    """
    low = min(0.0, *(v for _, v in values))
    high = max(0.0, *(v for _, v in values))
    high = high if high > low else low + 0.01
    wide = 1000 / len(values)

    def down(value: float) -> float:
        return 8 + 304 * (high - value) / (high - low)

    drawn = [f'<line class="zero" x1="0" x2="1000" y1="{down(0):.1f}" y2="{down(0):.1f}" {FIXED}/>']
    for n, (name, value) in enumerate(values):
        top, bottom = sorted((down(0), down(value)))
        kind = "up" if value >= 0 else "down"
        drawn.append(
            f'<rect class="{kind}" x="{(n + 0.1) * wide:.1f}" y="{top:.1f}" '
            f'width="{0.8 * wide:.1f}" height="{bottom - top:.1f}">'
            f"<title>{escape(name)}: {value:.2%}</title></rect>"
        )
    steps = [low + (high - low) * n / 4 for n in range(5)]
    names = [n for n, _ in values]
    some = names if len(names) <= _MOST_NAMES else [names[0], names[len(names) // 2], names[-1]]
    return framed(label, "".join(drawn), [(down(v), f"{v:.0%}") for v in steps], some)
