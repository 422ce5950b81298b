"""A column chart as SVG inside a page: values above and below zero, each with its name.

In: names and values. Out: HTML. The numbers stand in a table beside it: here they are drawn only.
"""

from collections.abc import Sequence
from html import escape

from fundplatform.reports.lines import FIXED, axis, framed

_MOST_NAMES = 7


def columns(label: str, values: Sequence[tuple[str, float]]) -> str:
    """A chart of (name, share) pairs in percent, in this order.

    Args:
        label: What it shows, in words.
        values: One or more; decimals.
    """
    shares = [v for _, v in values]
    marks = axis(min(0.0, *shares), max(0.0, *shares), 100.0)
    low, high = marks[0][0], marks[-1][0]
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
    every = -(-len(values) // _MOST_NAMES)
    # From the newest back: a name for one column in so many.
    some = [n if (len(values) - 1 - i) % every == 0 else "" for i, (n, _) in enumerate(values)]
    heights = [(down(v), f"{text}%") for v, text in marks]
    return framed(label, "".join(drawn), heights, some, each=True)
