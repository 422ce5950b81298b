"""What a page gets wrong for readers without eyes or mouse: axe-core in a real chromium.

axe-core (Deque, MPL 2.0) comes with the package axe-core-python; its rules and best practices are
all asked. What it does not ask (captions) is asked here. Pages are only read.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from fundplatform_tests.reports.browser import opened

_RUN = (
    "<script>addEventListener('load',async()=>{const told=await axe.run(document,{runOnly:"
    "{type:'tag',values:['wcag2a','wcag2aa','wcag21a','wcag21aa','best-practice']}});"
    "document.documentElement.dataset.axe=JSON.stringify({passes:told.passes.map(r=>r.id),"
    "wrong:told.violations.flatMap(r=>r.nodes.map(n=>[r.id,n.target.join(' ')])),"
    "captions:[...document.querySelectorAll('table')].filter(t=>!t.caption?.innerText.trim())"
    ".length})})</script>"
)
_DARK = "@media screen and (prefers-color-scheme:dark)"


@dataclass(frozen=True)
class Audit:
    """What axe-core found.

    Attributes:
        passes: Rules that had something to judge, and held.
        wrong: Rule and element, for each element that breaks one; tables without a caption.
    """

    passes: frozenset[str]
    wrong: tuple[tuple[str, str], ...]


def audit(page: Path, folder: Path, *, dark: bool = False) -> Audit:
    """Open a copy of the page with axe-core in it, in light or dark colours."""
    axe = pytest.importorskip("axe_core_python.base", reason="axe-core-python is not installed")
    text = page.read_text("utf-8")
    if dark:
        assert _DARK in text
        text = text.replace(_DARK, "@media all")
    copy = folder / f"axe_{'dark' if dark else 'light'}_{page.name}"
    script = f"<script>{axe.AXE_SCRIPT}</script>{_RUN}"
    copy.write_text(text.replace("</body>", f"{script}</body>"), "utf-8")
    (found,) = re.findall(r'<html[^>]* data-axe="([^"]*)"', opened(copy, folder, 1280))
    told = json.loads(html.unescape(found))
    bare = [("table without caption", str(told["captions"]))] if told["captions"] else []
    return Audit(frozenset(told["passes"]), (*map(tuple, told["wrong"]), *bare))
