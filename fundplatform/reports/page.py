"""Pieces of a self-contained HTML page: style, tables, a heat map, bars. No data access here.

Everything is escaped here; readable without colour (text in every cell), printable, and narrow
screens scroll the tables, not the page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

STYLE = """
:root{--ink:#1d2733;--soft:#5a6675;--line:#d7dde5;--back:#fff;--panel:#f5f7fa;--good:#1a7f4b;
--warn:#8a5a00;--bad:#b3261e;--c0:#f0c9c5;--c1:#e3f0e8;--c2:#b9ddc8;--c3:#7fc09b;--c4:#3f9a68}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a5b0bd;--line:#36404c;
--back:#12171d;--panel:#1b222b;--good:#6fcf97;--warn:#f2c063;--bad:#ff8a80;--c0:#6e2c27;--c1:#1d3a2a;--c2:#235b3d;
--c3:#2c7a50;--c4:#3c9c68}}
*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--back);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{margin:.4rem 0;max-width:65ch}.soft{color:var(--soft)}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.verdict{font-size:1.1rem;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;padding:0;
margin:1rem 0;list-style:none}
.tiles li{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.6rem}
.tiles b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:.5rem 0;border:1px solid var(--line);border-radius:.4rem}
.wide:focus-visible,a:focus-visible{outline:3px solid var(--good);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;padding:.4rem .6rem;color:var(--soft)}
th,td{padding:.3rem .6rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;background:var(--panel);white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.heat table{width:auto;font-size:.7rem}.heat td{padding:0;width:1.15rem;min-width:1.15rem;
height:1.5rem;text-align:center;border:1px solid var(--back)}
.heat th{white-space:nowrap}.heat thead th{padding:.2rem .1rem;writing-mode:vertical-rl;
font-weight:400}.heat thead th:first-child{writing-mode:horizontal-tb;padding:.3rem .6rem}
.heat tbody th{position:sticky;left:0;background:var(--back);font-size:.85rem}
.q0{background:var(--c0)}.q1{background:var(--c1)}.q2{background:var(--c2)}.q3{background:var(--c3)}
.q4{background:var(--c4)}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:0;list-style:none}
a{color:inherit}.plot{width:100%;height:7rem;display:block}
.plot .ok{fill:var(--c3)}.plot .no{fill:var(--bad)}
.chart{position:relative;margin:.6rem 0 1rem 4.2rem}
.chart svg{display:block;width:100%;height:clamp(11rem,32vw,20rem);overflow:visible}
.chart .grid{stroke:var(--line)}.chart .zero{stroke:var(--soft)}
.chart .up{fill:var(--c4)}.chart .down{fill:var(--bad)}
.marks{position:absolute;inset:0 100% auto auto;height:clamp(11rem,32vw,20rem)}
.marks span{position:absolute;right:.4rem;transform:translateY(-50%);font-size:.78rem;
white-space:nowrap;color:var(--soft);font-variant-numeric:tabular-nums}
.below.each span{flex:1;text-align:center;white-space:nowrap}
.below{display:flex;justify-content:space-between;font-size:.78rem;color:var(--soft)}
@media print{@page{margin:12mm}html{font-size:8.5pt}body{max-width:none;padding:0}nav{display:none}
.wide{overflow:visible;border:0}section{break-inside:avoid}thead th{white-space:normal}
table{font-size:7pt}th,td{padding:.2rem .25rem;overflow-wrap:break-word}
.heat table{width:100%;table-layout:fixed;font-size:4.5pt}
.heat td{width:auto;min-width:0}.heat thead th:first-child{width:9rem}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""


@dataclass(frozen=True)
class Cell:
    """A square of a heat map: what stands in it, its shade 0-4 (None: nothing), and in words."""

    text: str
    shade: int | None
    words: str


def document(title: str, body: str) -> str:
    """A whole page; `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        # An icon in the page: a browser asks for none elsewhere.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def section(anchor: str, title: str, *parts: str) -> str:
    """A part of the page with a heading to link to."""
    inner = "".join(parts)
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-h">'
        f'<h2 id="{anchor}-h">{escape(title)}</h2>{inner}</section>'
    )


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph; `kind` is a class of the style."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(text)}</p>"


def tiles(pairs: Iterable[tuple[str, object, str]]) -> str:
    """Big numbers: (label, value, class)."""
    items = "".join(
        f'<li><b class="{kind}">{shown(value)}</b>{escape(label)}</li>'
        for label, value, kind in pairs
    )
    return f'<ul class="tiles">{items}</ul>'


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table that scrolls by itself where it is too wide; numbers stand right."""
    right = [any(_is_number(r[n]) for r in rows) for n in range(len(columns))]
    head = "".join(
        f'<th scope="col"{" class=n" if r else ""}>{escape(c)}</th>'
        for c, r in zip(columns, right, strict=True)
    )
    body = "".join("<tr>" + "".join(map(_data, row, right)) + "</tr>" for row in rows)
    return _scrolled(caption, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", extra="")


def heat(caption: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> str:
    """A heat map as a table: every square says in words what its shade means."""
    head = '<th scope="col">source</th>'
    head += "".join(f'<th scope="col">{escape(c)}</th>' for c in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>' + "".join(map(_square, cells)) + "</tr>"
        for name, cells in rows
    )
    return _scrolled(caption, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", extra=" heat")


def bars(label: str, values: Sequence[tuple[str, float, float]]) -> str:
    """Stacked bars as SVG: (what, good part, bad part); the tallest fills the height."""
    if not values:
        return ""
    top = max(good + bad for _, good, bad in values) or 1.0
    parts = []
    for n, (what, good, bad) in enumerate(values):
        high, low = 100 * good / top, 100 * bad / top
        # A few rejected among thousands must still be seen.
        low = max(low, 2.0) if bad else 0.0
        title = f"<title>{escape(what)}</title>"
        parts.append(
            f'<g>{title}<rect class="ok" x="{n}" y="{max(0.0, 100 - high - low):.2f}" width=".85" '
            f'height="{high:.2f}"/><rect class="no" x="{n}" y="{100 - low:.2f}" width=".85" '
            f'height="{low:.2f}"/></g>'
        )
    return (
        f'<svg class="plot" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {len(values)} 100" preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def percent(value: object) -> str | None:
    """A decimal as percent with two places; None stays None."""
    return f"{value:.2%}" if isinstance(value, float | int) else None


def fee(value: object) -> str | None:
    """A decimal as percent with two places, up to four below 1 %; None stays None."""
    if not isinstance(value, float | int):
        return None
    if abs(value) >= 0.01:
        return f"{value:.2%}"
    text = f"{100 * value:.4f}"
    return f"{text[:-2] + text[-2:].rstrip('0')}%"


def shown(value: object) -> str:
    """A value as escaped text: thousands apart, instants to the minute, nothing as a dash."""
    if value is None or value == "":
        return "–"  # noqa: RUF001  (a dash for the reader)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, date):
        return value.isoformat()
    return escape(str(value))


def _data(value: object, right: bool) -> str:
    return f"<td{' class=n' if right else ''}>{shown(value)}</td>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _square(cell: Cell) -> str:
    kind = "" if cell.shade is None else f' class="q{cell.shade}"'
    words = escape(cell.words)
    return f'<td{kind} title="{words}" aria-label="{words}">{escape(cell.text)}</td>'


def _scrolled(caption: str, inner: str, extra: str) -> str:
    # Reachable by keyboard: a region that scrolls must take the focus. A section may have the same
    # words as its heading: no two landmarks may have one name.
    words = escape(caption)
    return (
        f'<div class="wide{extra}" role="region" tabindex="0" aria-label="Table: {words}">'
        f"<table><caption>{words}</caption>{inner}</table></div>"
    )
