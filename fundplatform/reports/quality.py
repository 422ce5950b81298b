"""The quality report of a session, one HTML file: is the data good, and if not, what is wrong?

Reading is `quality_facts.py`'s, its sections `quality_sections.py`'s, HTML `page.py`'s.
"""

import os
from datetime import date, datetime
from pathlib import Path

import polars as pl

from fundplatform.finance.rules import DEFAULTS, Limits
from fundplatform.reports import quality_sections as sections
from fundplatform.reports.page import document, paragraph, shown, tiles
from fundplatform.reports.quality_facts import Facts, gather
from fundplatform.storage.base import Store

LATEST = "latest.html"
_SECTIONS = (
    ("came", "What came in"),
    ("coverage", "Coverage"),
    ("rejected", "Rejected"),
    ("gaps", "Gaps"),
    ("sources", "Sources"),
    ("restated", "Changed by vendors"),
    ("disagreement", "Sources that differ"),
    ("tables", "Other tables"),
    ("overrides", "Overrides"),
    ("trend", "Trend"),
    ("expectations", "Expectations"),
)


def write(
    store: Store,
    folder: Path,
    now: datetime,
    session: date | None = None,
    limits: Limits = DEFAULTS,
) -> tuple[Path, date]:
    """Write `<session>.html`, and `latest.html` where it is the newest; both replaced as a whole.

    Args:
        store: Read through `query`.
        folder: Made where it is missing.
        now: For what has expired, and printed on the page.
        session: None: the newest that was judged.
        limits: Of the rules that are asked of other tables than bars.

    Returns:
        The session's file and the session.

    Raises:
        WarehouseError: Nothing was judged of it.
    """
    facts = gather(store, session, now.date(), limits)
    text = render(facts, now)
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / f"{facts.session}.html"
    newest = session is None or not (folder / LATEST).exists()
    for path in (own, folder / LATEST) if newest else (own,):
        _replace(path, text)
    return own, facts.session


def _replace(path: Path, text: str) -> None:
    made = path.with_suffix(f".{os.getpid()}.part")
    made.write_text(text, "utf-8")
    made.replace(path)


def render(facts: Facts, now: datetime) -> str:
    """The whole page."""
    links = "".join(f'<li><a href="#{a}">{t}</a></li>' for a, t in _SECTIONS)
    body = (
        f"<header><h1>Data quality, {facts.session}</h1>{_verdict(facts)}"
        f'<p class="soft">Written {shown(now)}. Sessions are exchange days; '
        "a held session stays in raw and is used by nothing.</p></header>"
        f"<main>{_tiles(facts)}<nav aria-label='Sections'><ul>{links}</ul></nav>"
        f"{''.join(section(facts) for section in sections.SECTIONS)}</main>"
    )
    return document(f"Data quality, {facts.session}", body)


def _verdict(facts: Facts) -> str:
    """The one sentence to read."""
    today = sections.today(facts)
    held, rejected = today.filter("held").height, int(today["rows_rejected"].sum())
    serious = [
        (held, "held session", "held sessions"),
        (facts.expectations.height, "broken expectation", "broken expectations"),
        (_broken(facts, "error"), "broken rule on other tables", "broken rules on other tables"),
    ]
    minor = [
        (rejected, "rejected bar", "rejected bars"),
        (sections.late_sources(facts).height, "late or failing source", "late or failing sources"),
        (facts.disagreements.height, "bar on which sources differ", "bars on which sources differ"),
        (facts.findings.height, "finding on a whole session", "findings on whole sessions"),
        (_broken(facts, "warning"), "warning on other tables", "warnings on other tables"),
    ]
    bad, soft = _words(serious), _words(minor)
    if not bad and not soft:
        return paragraph("All bars passed and every source is there.", "verdict good")
    kind = "verdict bad" if bad else "verdict warn"
    return paragraph(f"To look at: {', '.join([*bad, *soft])}.", kind)


def _words(counted: list[tuple[int, str, str]]) -> list[str]:
    return [f"{n:,} {one if n == 1 else many}" for n, one, many in counted if n]


def _tiles(facts: Facts) -> str:
    today = sections.today(facts)
    held = today.filter("held").height
    rejected = int(today["rows_rejected"].sum())
    return tiles(
        [
            ("bars came in", int(today["rows_raw"].sum()), ""),
            ("validated", int(today["rows_validated"].sum()), "good"),
            ("rejected", rejected, "warn" if rejected else ""),
            ("sources held", held, "bad" if held else ""),
            ("sources reporting", today.height, ""),
            ("overrides in force", _in_force(facts), ""),
        ]
    )


def _broken(facts: Facts, outcome: str) -> int:
    return sum(v.outcome == outcome for v in facts.verdicts)


def _in_force(facts: Facts) -> int:
    return facts.overrides.filter(pl.col("state") == "in force").height
