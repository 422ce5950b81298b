"""One fund as one HTML file that opens offline: what it earned, risked, cost, is and holds.

In: a `fund_data.Known`. Out: text, or a file below reports/funds/. Numbers come from the warehouse
and from `finance/`; what is not known is said, not guessed.
"""

import re
from datetime import date, datetime
from pathlib import Path

import polars as pl

from fundplatform.compare import START, common_history, common_performance
from fundplatform.export_files import whole
from fundplatform.finance.frames import FRAMES
from fundplatform.fund_data import Known, load
from fundplatform.reports import page
from fundplatform.reports.columns import columns
from fundplatform.reports.fund_fees import fee_section
from fundplatform.reports.fund_holdings import holdings
from fundplatform.reports.lines import lines
from fundplatform.reports.page import fee, percent
from fundplatform.storage.base import Store

_ROLLING = ("1Y", "3Y")


def write(store: Store, folder: Path, ticker: str, now: datetime) -> tuple[Path, Known]:
    """Render the fund into `folder`, made if it is not there; see `file_name`.

    Raises:
        ConfigError: As `fund_data.load`.
    """
    with store.snapshot() as seen:
        known = load(seen, ticker)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(known)
    with whole(path) as into:
        into.write(render(known, now).encode())
    return path, known


def render(known: Known, now: datetime) -> str:
    """The page."""
    name = known.facts.get("name") or known.fund["name"]
    title = f"{known.fund['symbol']}: {name}" if name else str(known.fund["symbol"])
    body = [
        f"<h1>{page.shown(title)}</h1>",
        *(_unpriced(known, now) if known.unpriced else _priced(known, now)),
        _score(known),
        *holdings(known),
        _facts(known),
    ]
    return page.document(title, f"<main>{''.join(body)}</main>")


def _priced(known: Known, now: datetime) -> list[str]:
    shared = common_history(known.given).rename({known.given.names[0]: "value"})
    return [
        *_dates(known, shared, now),
        page.tiles(_tiles(known)),
        _growth(shared, known),
        _drawdown(shared, known),
        _frames(known),
        _rolling(known),
        _years(known),
        fee_section(known, shared),
    ]


def _unpriced(known: Known, now: datetime) -> list[str]:
    """What can be said without prices, and what cannot; metrics, where some are, say why not."""
    absent = (
        "Absent: growth, drawdown, rolling and yearly returns, and what the fee took of them"
        + ("." if known.frames.height else "; return, volatility, Sharpe and all other metrics.")
    )
    return [
        page.paragraph(f"{known.unpriced} {absent}", "warn"),
        page.paragraph(f"Written {now:%Y-%m-%d %H:%M} UTC.", "soft"),
        page.tiles(_tiles(known)),
        *([_frames(known)] if known.frames.height else []),
        fee_section(known, None),
    ]


def _dates(known: Known, shared: pl.DataFrame, now: datetime) -> list[str]:
    """The exact dates and bases of the data, before any number."""
    days = shared["session"]
    basis = known.given.series["basis"][-1]
    text = (
        f"Prices: {days[0]} to {days[-1]}, {len(days):,} sessions, basis {basis}, in "
        f"{known.fund['quote']}, from {', '.join(known.sources) or 'computed levels'}."
    )
    frames = (
        f"Frames: session {known.given.session}, {known.given.basis} returns."
        if known.given.session
        else "No metrics are stored."
    )
    written = f"Prices are net of the fee already. Written {now:%Y-%m-%d %H:%M} UTC."
    return [page.paragraph(text), page.paragraph(f"{frames} {written}", "soft")]


def _tiles(known: Known) -> list[tuple[str, object, str]]:
    by_frame = {r["frame"]: r for r in known.frames.iter_rows(named=True)}
    year, three = by_frame.get("1Y", {}), by_frame.get("3Y", {})
    headline = known.scores.filter(pl.col("frame") == "HEADLINE")
    ratio = known.given.ratios["expense_ratio"]
    return [
        ("1 year", percent(year.get("total_return")), ""),
        ("3 years, a year", percent(three.get("annualized_return")), ""),
        ("volatility, 1 year", percent(year.get("volatility")), ""),
        ("fee a year", fee(ratio[0]) if len(ratio) else None, ""),
        ("score of 100", headline["score"][0] if headline.height else None, ""),
    ]


def _growth(shared: pl.DataFrame, known: Known) -> str:
    days, values = shared["session"].to_list(), shared["value"]
    grown = (values / values[0] * START).to_list()
    words = f"{START:,.0f} on {days[0]} were {grown[-1]:,.2f} on {days[-1]}."
    chart = lines(f"Growth of {START:,.0f}, {known.given.series['basis'][-1]}", days,
                  {str(known.fund["symbol"]): grown})  # fmt: skip
    return page.section("growth", f"Growth of {START:,.0f}", page.paragraph(words), chart)


def _drawdown(shared: pl.DataFrame, known: Known) -> str:
    own = shared.rename({"value": str(known.fund["symbol"])})
    (row,) = common_performance(own, [str(known.fund["symbol"])]).iter_rows(named=True)
    back = row["recovery_session"]
    words = (
        f"Deepest: {percent(row['max_drawdown'])}, from the peak on {row['peak_session']} to "
        f"{row['trough_session']}; " + (f"recovered on {back}." if back else "not yet recovered.")
    )
    falls = shared["value"] / shared["value"].cum_max() - 1
    chart = lines("Fall from the highest value so far, percent", shared["session"].to_list(),
                  {str(known.fund["symbol"]): falls.to_list()}, 100.0)  # fmt: skip
    return page.section("drawdown", "Drawdown", page.paragraph(words), chart)


def _frames(known: Known) -> str:
    if known.frames.is_empty():
        return page.section("frames", "By time frame", page.paragraph("No metrics are stored."))
    by_frame = {r["frame"]: r for r in known.frames.iter_rows(named=True)}
    shown = ("total_return", "annualized_return", "volatility", "max_drawdown", "var_95",
             "best_month", "worst_month")  # fmt: skip
    ratios = ("sharpe", "sortino")
    rows = [
        (f, r["base_session"], *(percent(r[c]) for c in shown), *(_ratio(r[c]) for c in ratios),
         _words(r["reason"]))
        for f in FRAMES if (r := by_frame.get(f))
    ]  # fmt: skip
    names = ("frame", "from close of", "return", "a year", "volatility", "drawdown", "VaR 95",
             "best month", "worst month", "Sharpe", "Sortino", "why not")  # fmt: skip
    rate = known.frames["risk_free_rate"].drop_nulls()
    caption = f"To {known.given.session}, {known.given.basis}" + (
        f"; risk-free rate {rate[0]:.2%} in the first frame" if len(rate) else ""
    )
    return page.section("frames", "By time frame", page.table(caption, names, rows))


def _rolling(known: Known) -> str:
    own = known.history.filter(pl.col("frame").is_in(_ROLLING))
    wide = own.pivot("frame", index="session", values="total_return").sort("session")
    charts = []
    for frame in _ROLLING:
        one = wide.drop_nulls(frame) if frame in wide.columns else wide.clear()
        if one.height < 2:
            charts.append(page.paragraph(f"No two sessions have a return over {frame}.", "soft"))
            continue
        ends = one["session"][0], one["session"][-1]
        words = (
            f"Return over the {frame} up to each session stored, percent, {ends[0]} to {ends[1]}"
        )
        charts.append(lines(words, one["session"].to_list(), {frame: one[frame].to_list()}, 100.0))
    return page.section("rolling", "Rolling return", *charts)


def _years(known: Known) -> str:
    found = calendar_years(known.history)
    if not found:
        text = page.paragraph("No metrics are stored at the end of a year.")
        return page.section("years", "Calendar years", text)
    rows = [(str(year), percent(value), whole, session) for year, value, whole, session in found]
    chart = columns("Return by calendar year, percent", [(str(y), v) for y, v, *_ in found])
    names = ("year", "return", "from", "to the close of")
    table = page.table(f"Calendar years, {known.given.basis}", names, rows)
    return page.section("years", "Calendar years", chart, table)


def calendar_years(history: pl.DataFrame) -> list[tuple[int, float, str, date]]:
    """year, return, what it is from, and its last session stored.

    The return of a year is that of the frame YTD at its last session; in the first year, which has
    no close before it, that of the frame ALL.
    """
    wanted = history.filter(pl.col("frame").is_in(["YTD", "ALL"]))
    last = wanted.with_columns(year=pl.col("session").dt.year()).filter(
        pl.col("session") == pl.col("session").max().over("year")
    )
    years = sorted(set(last["year"]))
    found = []
    for year in years:
        rows = {r["frame"]: r for r in last.filter(year=year).iter_rows(named=True)}
        own = rows.get("YTD") or (rows["ALL"] if year == years[0] else None)
        if own:
            whole = f"close of {year - 1}" if "YTD" in rows else "first price"
            found.append((year, own["total_return"], whole, own["session"]))
    return found


def _score(known: Known) -> str:
    if known.scores.is_empty():
        return page.section("score", "Score", page.paragraph("None is stored."))
    places = {f: n for n, f in enumerate(("HEADLINE", *FRAMES))}
    parts = [c for c in known.scores.columns if c.endswith("_percentile")]
    rows = sorted(known.scores.iter_rows(named=True), key=lambda r: places[r["frame"]])
    used = [c for c in parts if any(r[c] is not None for r in rows)]
    group, session = rows[0]["peer_group"] or "no peer group", rows[0]["session"]
    caption = (
        f"0 to 100 within {group}, session {session}, weights {rows[0]['weights_version']}; "
        "percentiles, 100 is best"
    )
    names = ("frame", "score", "peers", *(c.removesuffix("_percentile") for c in used), "why not")
    table = page.table(caption, names, [
        (r["frame"], r["score"], r["peer_count"], *(r[c] for c in used), _words(r["reason"]))
        for r in rows
    ])  # fmt: skip
    return page.section("score", "Score", table)


def _facts(known: Known) -> str:
    if not known.facts:
        return page.section("facts", "Facts", page.paragraph("No source states any."))
    own = known.facts
    percents = ("expense_ratio", "gross_expense_ratio")
    left = ("is_current",)
    rows = [
        (name.replace("_", " "), fee(value) if name in percents else _fact(value))
        for name, value in own.items()
        if name not in left and value is not None
    ]
    caption = f"In force from {own['valid_from']}, known at {own['known_at']:%Y-%m-%d}"
    return page.section("facts", "Facts", page.table(caption, ("fact", "value"), rows))


def _fact(value: object) -> object:
    """Money without decimals; the rest as every table shows it."""
    return f"{value:,.0f}" if isinstance(value, float) else value


def _words(reason: str | None) -> str:
    return (reason or "").replace("_", " ")


def _ratio(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def file_name(known: Known) -> str:
    """SYMBOL.html, however the fund was asked for; SYMBOL_NUMBER.html where that may be another's.

    That is where several instruments have the symbol, or where it has letters that no file name
    should have, or small ones, which some file systems take for large ones. No plain name has an
    underscore, so no two instruments share a file.
    """
    symbol = str(known.fund["symbol"])
    if known.namesakes == 0 and re.fullmatch(r"[A-Z0-9^][A-Z0-9.^=-]*", symbol):
        return f"{symbol}.html"
    plain = re.sub(r"[^A-Za-z0-9.^=-]+", "_", symbol).lstrip(".")
    return f"{plain}_{known.fund['instrument_id']}.html"
