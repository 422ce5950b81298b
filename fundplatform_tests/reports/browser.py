"""A page in a real chromium: what it logs, how wide it is, and a picture of it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROBE = (
    "<script>addEventListener('load',()=>{const d=document.documentElement;"
    "parent.postMessage([d.scrollWidth-d.clientWidth,"
    "performance.getEntriesByType('resource').length],'*')})</script>"
)
# A frame can be as narrow as a phone; chromium's own window cannot.
_PRINT = "@media print"
PAPER = 700
"""CSS pixels between the margins of 12 mm that the pages ask for: 186 mm of A4's 210."""
_FRAME = (
    "<!doctype html><body style='margin:0'><script>onmessage=e=>"
    "[document.body.dataset.overflow,document.body.dataset.requests]=e.data</script>"
    "<iframe src='{uri}' style='border:0;width:{width}px;height:{height}px'></iframe>"
)


@dataclass(frozen=True)
class Seen:
    """What the browser made of a page."""

    overflow: int
    requests: int
    errors: list[str]


def chromium() -> str:
    """The browser's program; the test is skipped without one."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def look(page: Path, folder: Path, width: int, height: int = 900) -> Seen:
    """Open the page in a frame of this width.

    A probe is added to a copy of it: how far it is wider than the frame, and what it asked for.
    """
    copy = folder / f"{page.stem}_{width}.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", f"{_PROBE}</body>"), "utf-8")
    done = _run(folder, 1400, height, "--dump-dom", _framed(copy, width, height))
    told = dict(re.findall(r'data-(overflow|requests)="(-?\d+)"', done.stdout))
    errors = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(int(told["overflow"]), int(told["requests"]), errors)


def opened(page: Path, folder: Path, width: int, height: int = 900) -> str:
    """The page as it stands two (virtual) seconds after it was opened."""
    return _run(folder, width, height, "--dump-dom", page.as_uri()).stdout


def picture(page: Path, to: Path, width: int, height: int = 2000) -> None:
    """A picture of the page's first `height` pixels."""
    framed = _framed(page, width, height)
    _run(to.parent, max(width, 500), height, f"--screenshot={to}", framed)


def printed(page: Path, folder: Path) -> int:
    """How many pages of paper it takes."""
    paper = folder / f"{page.stem}.pdf"
    _run(folder, 1280, 900, "--no-pdf-header-footer", f"--print-to-pdf={paper}", page.as_uri())
    return len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))


def cut_on_paper(page: Path, folder: Path) -> int:
    """Pixels by which the page in its print style is wider than `PAPER`."""
    copy = folder / f"paper_{page.name}"
    text = page.read_text("utf-8")
    assert _PRINT in text
    copy.write_text(text.replace(_PRINT, "@media all"), "utf-8")
    return look(copy, folder, PAPER).overflow


def _framed(page: Path, width: int, height: int) -> str:
    made = page.with_name(f"frame_{page.stem}_{width}.html")
    made.write_text(_FRAME.format(uri=page.as_uri(), width=width, height=height), "utf-8")
    return made.as_uri()


def _run(folder: Path, width: int, height: int, *words: str) -> "subprocess.CompletedProcess[str]":
    options = (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
        "--disable-dev-shm-usage", "--disable-background-networking", "--virtual-time-budget=2000",
        "--enable-logging=stderr", f"--user-data-dir={folder / 'chromium'}",
        f"--window-size={width},{height}",
    )  # fmt: skip
    return subprocess.run(
        [chromium(), *options, *words], capture_output=True, text=True, check=True, timeout=120
    )
