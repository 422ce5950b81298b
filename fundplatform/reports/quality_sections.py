"""The sections of the quality report, from what came in to broken expectations: facts to HTML.

Each takes the `Facts` and gives one section. The verdict and the page are `quality.py`'s, reading
is `quality_facts.py`'s.
"""

from collections.abc import Callable
from datetime import date

import polars as pl

from fundplatform.finance.rules.catalog import BY_ID
from fundplatform.reports.page import Cell, bars, heat, paragraph, section, table
from fundplatform.reports.quality_facts import Facts, is_stale


def today(facts: Facts) -> pl.DataFrame:
    """Gates of the session itself."""
    return facts.gates.filter(pl.col("session") == facts.session)


def late_sources(facts: Facts) -> pl.DataFrame:
    """Sources that are behind, or whose last attempt failed."""
    late = [is_stale(day, facts.session) for day in facts.sources["last_session"]]
    bad = pl.col("state").is_in(["ERROR", "RATE_LIMITED"]).fill_null(False)
    return facts.sources.filter(pl.Series(late, dtype=pl.Boolean) | bad)


def came(facts: Facts) -> str:
    """Bars by source, and what was found on whole sessions."""
    rows = [
        (r["source"], r["rows_raw"], r["rows_validated"], r["rows_rejected"],
         f"held: {r['reason']}" if r["held"] else (r["reason"] or "open"))
        for r in today(facts).iter_rows(named=True)
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


def coverage(facts: Facts) -> str:
    """The heat map: source by session."""
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


def rejected(facts: Facts) -> str:
    """By rule, with the newest example."""
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


def gaps(facts: Facts) -> str:
    """Listings without a bar, by class."""
    if facts.gaps.is_empty():
        return section("gaps", "Gaps, by class", paragraph("No bar is missing."))
    columns = ("class", "source", "listings")
    return section(
        "gaps", "Gaps, by class", table("Listings without a bar", columns, facts.gaps.rows())
    )


def sources(facts: Facts) -> str:
    """Who is late or failing, and how reliable each is."""
    late = set(late_sources(facts)["source"].to_list())
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


def restated(facts: Facts) -> str:
    """Old and new closes that vendors changed."""
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


def disagreement(facts: Facts) -> str:
    """Bars beyond V23, with who is used and why."""
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


def tables(facts: Facts) -> str:
    """V14 and V27 to V30."""
    rows = [
        (v.rule, _title(v.rule), v.outcome, v.finding, "; ".join(v.offenders) or "-")
        for v in facts.verdicts
    ]
    columns = ("rule", "what must hold", "outcome", "found", "for example")
    title = "Other tables: what is tracked, restated, held, observed; indices"
    return section("tables", title, table("Rules on other tables than bars", columns, rows))


def overrides(facts: Facts) -> str:
    """In force and lately expired."""
    title = "Overrides in force and lately expired"
    if facts.overrides.is_empty():
        return section("overrides", title, paragraph("Nobody overrides a rule."))
    columns = ("action", "source", "symbol", "first", "last", "rules", "field", "value", "author",
               "reason", "expires", "state")  # fmt: skip
    return section("overrides", title, table("By expiry", columns, facts.overrides.rows()))


def trend(facts: Facts) -> str:
    """Validated and refused bars by session."""
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


def expectations(facts: Facts) -> str:
    """Broken ones, with expected, actual and offenders."""
    if facts.expectations.is_empty():
        return section("expectations", "Expectations", paragraph("None is broken."))
    columns = ("table", "suite", "expectation", "expected", "actual", "offenders")
    caption = "Broken in a run over the session, newest first"
    return section(
        "expectations", "Expectations", table(caption, columns, facts.expectations.rows())
    )


SECTIONS: tuple[Callable[[Facts], str], ...] = (
    came, coverage, rejected, gaps, sources, restated, disagreement, tables, overrides, trend,
    expectations,
)  # fmt: skip
"""In the order of the page."""
