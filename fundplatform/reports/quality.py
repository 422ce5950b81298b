"""The quality report of a session, one HTML file: is the data good, and if not, what is wrong?

Reading is `quality_facts.py`'s, HTML `page.py`'s.
"""

import os
from datetime import date, datetime
from pathlib import Path

import polars as pl

from fundplatform.finance.rules import DEFAULTS, Limits
from fundplatform.finance.rules.catalog import BY_ID
from fundplatform.reports.page import (
    Cell,
    bars,
    document,
    heat,
    paragraph,
    section,
    shown,
    table,
    tiles,
)
from fundplatform.reports.quality_facts import Facts, gather, is_stale
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
        f"{_came(facts)}{_coverage(facts)}{_rejected(facts)}{_gaps(facts)}{_sources(facts)}"
        f"{_restated(facts)}{_disagreement(facts)}{_tables(facts)}{_overrides(facts)}"
        f"{_trend(facts)}"
        f"{_expectations(facts)}</main>"
    )
    return document(f"Data quality, {facts.session}", body)


def _today(facts: Facts) -> pl.DataFrame:
    return facts.gates.filter(pl.col("session") == facts.session)


def _late(facts: Facts) -> pl.DataFrame:
    late = [is_stale(day, facts.session) for day in facts.sources["last_session"]]
    bad = pl.col("state").is_in(["ERROR", "RATE_LIMITED"]).fill_null(False)
    return facts.sources.filter(pl.Series(late, dtype=pl.Boolean) | bad)


def _verdict(facts: Facts) -> str:
    """The one sentence to read."""
    today = _today(facts)
    held, rejected = today.filter("held").height, int(today["rows_rejected"].sum())
    serious = [
        (held, "held session", "held sessions"),
        (facts.expectations.height, "broken expectation", "broken expectations"),
        (_broken(facts, "error"), "broken rule on other tables", "broken rules on other tables"),
    ]
    minor = [
        (rejected, "rejected bar", "rejected bars"),
        (_late(facts).height, "late or failing source", "late or failing sources"),
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
    today = _today(facts)
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


def _came(facts: Facts) -> str:
    rows = [
        (r["source"], r["rows_raw"], r["rows_validated"], r["rows_rejected"],
         f"held: {r['reason']}" if r["held"] else (r["reason"] or "open"))
        for r in _today(facts).iter_rows(named=True)
    ]  # fmt: skip
    columns = ("source", "bars", "validated", "rejected", "gate")
    found = facts.findings.select("source", "rule", "severity", "finding").rows()
    more = table("Found on whole sessions", ("source", "rule", "severity", "finding"), found)
    return section(
        "came",
        "What came in, and from whom",
        table(f"Bars of {facts.session} by source", columns, rows),
        more if found else "",
    )


def _coverage(facts: Facts) -> str:
    known = {(r["source"], r["session"]): r for r in facts.gates.iter_rows(named=True)}
    usual = dict(facts.gates.group_by("source").agg(pl.col("rows_raw").median()).iter_rows())
    # On a phone the map is wider than the screen, and the newest is what is asked for.
    days = facts.sessions[::-1]
    rows = [
        (name, [_cell(known.get((name, day)), usual[name], name, day) for day in days])
        for name in facts.sources["source"].to_list()
    ]
    return section(
        "coverage",
        "Coverage: source × session",  # noqa: RUF001  (a times sign for the reader)
        paragraph(
            "Darker is fuller, against the source's usual number of bars. H: held by the gate. "
            "!: something rejected. Empty: nothing came.",
            "soft",
        ),
        heat(
            f"The last {len(days)} sessions, newest first",
            [day.strftime("%m-%d") for day in days],
            rows,
        ),
    )


def _cell(gate: dict[str, object] | None, usual: float, name: str, day: date) -> Cell:
    where = f"{name} {day}"
    if gate is None:
        return Cell("", None, f"{where}: nothing came")
    raw, rejected = int(str(gate["rows_raw"])), int(str(gate["rows_rejected"]))
    words = f"{where}: {raw:,} bars, {rejected:,} rejected"
    if gate["held"]:
        return Cell("H", 0, f"{words}, held")
    share = raw / usual if usual else 1.0
    shade = 4 if share >= 0.98 else 3 if share >= 0.9 else 2 if share >= 0.5 else 1
    return Cell("!" if rejected else "", shade, words)


def _rejected(facts: Facts) -> str:
    if facts.rejected.is_empty():
        return section("rejected", "Rejected, by rule", paragraph("Nothing was rejected."))
    rows = [
        (r["rule"], _title(r["rule"]), r["source"], r["today"], r["span"], r["example"])
        for r in facts.rejected.iter_rows(named=True)
    ]
    span = f"in {len(facts.sessions)} sessions"
    columns = ("rule", "what must hold", "source", "this session", span, "newest example")
    return section("rejected", "Rejected, by rule", table("Bars by rule", columns, rows))


def _title(rule: str) -> str:
    return BY_ID[rule].title if rule in BY_ID else "decided by a person"


def _gaps(facts: Facts) -> str:
    if facts.gaps.is_empty():
        return section("gaps", "Gaps, by class", paragraph("No bar is missing."))
    columns = ("class", "source", "listings")
    return section(
        "gaps", "Gaps, by class", table("Listings without a bar", columns, facts.gaps.rows())
    )


def _sources(facts: Facts) -> str:
    late = set(_late(facts)["source"].to_list())
    rows = [
        (r["source"], "late or failing" if r["source"] in late else "in time", r["last_session"],
         r["score"], r["state"], r["last_success_at"], r["last_failure"], r["paused_until"])
        for r in facts.sources.iter_rows(named=True)
    ]  # fmt: skip
    columns = ("source", "standing", "last session", "reliability", "state", "last success",
               "last failure", "paused until")  # fmt: skip
    return section(
        "sources",
        "Sources: late, failing, reliability",
        table("Reliability is 0 to 100 over 60 sessions", columns, rows),
    )


def _restated(facts: Facts) -> str:
    if facts.restated.is_empty():
        return section("restated", "Changed by vendors", paragraph("No value was changed."))
    rows = [
        (r["source"], r["symbol"], r["session"], r["old_close"], r["new_close"], _move(r),
         r["changed_at"])
        for r in facts.restated.iter_rows(named=True)
    ]  # fmt: skip
    columns = ("source", "symbol", "session", "old close", "new close", "change", "changed")
    caption = "Bars that came with other values in the week up to the session, newest first"
    return section("restated", "Changed by vendors", table(caption, columns, rows))


def _move(row: dict[str, object]) -> str | None:
    old, new = row["old_close"], row["new_close"]
    if not isinstance(old, float) or not isinstance(new, float) or not old:
        return None
    return f"{new / old - 1:+.3%}"


def _disagreement(facts: Facts) -> str:
    title = "Sources that differ"
    if facts.disagreements.is_empty():
        return section("disagreement", title, paragraph("No two sources differ."))
    rows = [
        (r["symbol"], r["n_sources"], r["median_close"], f"{r['deviation']:.3%}",
         f"{r['tolerance']:.2%}", r["reason"])
        for r in facts.disagreements.iter_rows(named=True)
    ]  # fmt: skip
    columns = ("symbol", "sources", "median close", "furthest off", "tolerance", "who is used, why")
    return section("disagreement", title, table("Beyond the tolerance of V23", columns, rows))


def _broken(facts: Facts, outcome: str) -> int:
    return sum(v.outcome == outcome for v in facts.verdicts)


def _tables(facts: Facts) -> str:
    rows = [
        (v.rule, _title(v.rule), v.outcome, v.finding, "; ".join(v.offenders) or "-")
        for v in facts.verdicts
    ]
    columns = ("rule", "what must hold", "outcome", "found", "for example")
    title = "Other tables: what is tracked, restated, held, observed; indices"
    return section("tables", title, table("Rules on other tables than bars", columns, rows))


def _in_force(facts: Facts) -> int:
    return facts.overrides.filter(pl.col("state") == "in force").height


def _overrides(facts: Facts) -> str:
    title = "Overrides in force and lately expired"
    if facts.overrides.is_empty():
        return section("overrides", title, paragraph("Nobody overrides a rule."))
    columns = ("action", "source", "symbol", "first", "last", "rules", "field", "value", "author",
               "reason", "expires", "state")  # fmt: skip
    return section("overrides", title, table("By expiry", columns, facts.overrides.rows()))


def _trend(facts: Facts) -> str:
    daily = (
        facts.gates.group_by("session")
        .agg(pl.col("rows_validated", "rows_rejected", "rows_raw").sum(), held=pl.col("held").sum())
        .sort("session")
    )
    values = []
    for r in daily.iter_rows(named=True):
        good, bad = r["rows_validated"], r["rows_raw"] - r["rows_validated"]
        words = f"{r['session']}: {good:,} validated, {bad:,} refused, {r['held']} held"
        values.append((words, float(good), float(bad)))
    rejected, raw = int(daily["rows_rejected"].sum()), int(daily["rows_raw"].sum())
    share = rejected / raw if raw else 0.0
    first, last = facts.sessions[0], facts.sessions[-1]
    words = f"{raw:,} bars from {first} to {last}; {rejected:,} rejected ({share:.3%})."
    return section(
        "trend",
        f"Trend over {len(facts.sessions)} sessions",
        paragraph(words),
        bars(f"Validated bars by session, refused or held ones in red. {words}", values),
    )


def _expectations(facts: Facts) -> str:
    if facts.expectations.is_empty():
        return section("expectations", "Expectations", paragraph("None is broken."))
    columns = ("table", "suite", "expectation", "expected", "actual", "offenders")
    caption = "Broken in a run over the session, newest first"
    return section(
        "expectations", "Expectations", table(caption, columns, facts.expectations.rows())
    )
