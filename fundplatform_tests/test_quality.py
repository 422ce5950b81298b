"""`fundplatform quality` as a user meets it: held sessions, refused bars, overrides, retests."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from fundplatform import calendars, tables
from fundplatform.cli import cli
from fundplatform.definitions import open_store
from fundplatform.errors import ConfigError
from fundplatform.finance.rules import load_limits
from fundplatform.overrides import load_overrides
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform_tests.dropped import bar, folder, table

DAYS = [f"2024-01-{d:02}" for d in (2, 3, 4, 5, 8, 9, 10, 11, 12)]
CRASH, HELD = "2024-01-10", "2024-01-11"


def rows() -> Iterator[str]:
    """AAA falls by 85 % on the 10th and stays; on the 11th BBB to EEE are bad."""
    for n, day in enumerate(DAYS):
        yield bar(day, "AAA", 100.0 + n if day < CRASH else 10.0 + n, str(100 + n))
        for m, symbol in enumerate(("BBB", "CCC", "DDD", "EEE")):
            yield bar(day, symbol, -1.0 if day == HELD else 50.0 + n + m, str(200 + n + m))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    made = Settings(home=home, sources=(), lock_timeout=20)
    (folder(made, "mine", "start: 2024-01-02\nend: 2024-01-12\n") / "bars.csv").write_text(
        table(rows())
    )
    assert run(made, "backfill").exit_code == 0
    yield made
    calendars.use_cache(calendar_cache)


def run(settings: Settings, *words: str) -> Result:
    environment = {"FUNDPLATFORM_HOME": str(settings.home), "FUNDPLATFORM_SOURCES": ""}
    return CliRunner().invoke(cli, words, env=environment)


def said(settings: Settings, *words: str) -> str:
    """What the command prints, blanks squeezed; it must succeed."""
    result = run(settings, "quality", *words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings)


def close_of(store: Store, session: str) -> list[float]:
    rows = store.read(tables.VALIDATED).filter(pl.col("session") == date.fromisoformat(session))
    return sorted(rows["close"].to_list())


def test_held_sessions_and_refused_bars_are_shown_with_their_reasons(settings: Settings) -> None:
    shown = said(settings, "gates")
    assert f"mine {HELD} True 5 4 0 4 of 5 rows rejected" in shown
    shown = said(settings, "quarantine")
    assert "5 bars in quarantine" in shown
    assert f"mine AAA {CRASH} V17 close 16 after 105: beyond 75% without an action" in shown
    assert "1 bars in quarantine" in said(settings, "quarantine", "--rule", "V17")


def test_a_session_that_is_not_held_cannot_be_released(settings: Settings) -> None:
    result = run(
        settings, "quality", "release", "mine", CRASH, "--author", "jane", "--reason", "fine"
    )
    assert isinstance(result.exception, ConfigError)
    assert "no such session is held" in str(result.exception)


def test_a_released_session_goes_on_and_says_by_whom(settings: Settings, store: Store) -> None:
    assert close_of(store, HELD) == []
    words = ("release", "mine", HELD, "--author", "jane", "--reason", "AAA is right")
    assert "judged 1 sessions again" in said(settings, *words)
    assert close_of(store, HELD) == [17.0]
    assert "False 5 4 1 released by jane: AAA is right; 4 of 5 rows rejected" in said(
        settings, "gates"
    )
    assert "in force release mine" in said(settings, "overrides")


def test_a_retest_says_what_would_change_before_it_does(settings: Settings, store: Store) -> None:
    assert "0 verdicts would change: none" in said(settings, "retest")
    (settings.home / "overrides.yaml").write_text(
        "overrides:\n"
        f"- {{action: accept, instrument: 'equity:AAA', session: {CRASH}, rules: [V17],\n"
        "   author: jane, reason: it fell, expires: 2999-01-01}\n"
    )
    shown = said(settings, "retest")
    assert f"{CRASH} mine AAA rejected V17 passes V24,accepted" in shown
    assert 16.0 not in close_of(store, CRASH)
    assert "judged 1 sessions again" in said(settings, "retest", "--apply")
    assert 16.0 in close_of(store, CRASH)
    assert "0 verdicts would change: none" in said(settings, "retest")


def test_an_override_that_is_taken_out_of_the_file_stops_working(settings: Settings) -> None:
    (settings.home / "overrides.yaml").unlink()
    assert f"{CRASH} mine AAA passes V24,accepted rejected V17" in said(settings, "retest")
    assert "withdrawn accept" in said(settings, "overrides")


def test_an_expired_override_does_not_work_and_one_by_command_can_be_withdrawn(
    settings: Settings,
) -> None:
    words = ("equity:AAA", CRASH, "--author", "joe", "--reason", "so")
    said(settings, "override", "accept", *words, "--expires", "2020-01-01")
    assert "expired accept" in said(settings, "overrides")
    assert "passes V24,accepted rejected V17" in said(settings, "retest")
    told = said(settings, "override", "accept", *words, "--expires", "2999-01-01")
    assert "0 verdicts would change: none" in said(settings, "retest")
    said(settings, "withdraw", told.split()[1])
    assert "passes V24,accepted rejected V17" in said(settings, "retest")
    result = run(settings, "quality", "withdraw", "nothing")
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("equity:AAAA",), "command line: equity:AAAA: no such instrument. Did you mean AAA?"),
        (("etf:AAA",), "command line: etf:AAA: no such instrument. See catalog.instruments"),
        (
            ("equity:AAA", "--source", "mien"),
            "command line: mien: no such source is loaded. `fundplatform status` lists those that "
            "are",
        ),
    ],
)
def test_an_override_that_would_never_apply_is_refused(
    settings: Settings, words: tuple[str, ...], told: str
) -> None:
    name, *more = words
    decided = ("--author", "joe", "--reason", "so", "--expires", "2999-01-01")
    result = run(settings, "quality", "override", "exclude", name, CRASH, *decided, *more)
    assert str(result.exception) == told


def test_a_rules_file_changes_what_is_judged(settings: Settings) -> None:
    (settings.home / "rules.yaml").write_text(
        "V17:\n  instruments:\n    'equity:AAA': {cap: 0.9}\n"
    )
    # Stored is the accepted row; the rule itself would now let it pass.
    assert f"{CRASH} mine AAA passes V24,accepted passes V24" in said(settings, "retest")
    (settings.home / "rules.yaml").unlink()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("V99: {cap: 1}", "V99: no such rule"),
        ("V01: {cap: 1}", "V01: has no parameters"),
        ("V17: {lid: 1}", "V17.lid: no such parameter. Choose from: cap, bars"),
        ("V17: {cap: high}", "V17.cap: 'high' is no number >= 0. Write cap: 0.75"),
        ("V17: {classes: {shares: {cap: 1}}}", "V17.classes.shares: no such class"),
        ("V17: {instruments: {AAA: {cap: 1}}}", "V17.instruments.AAA: is no class:symbol"),
        ("- V17", "the file: is no mapping"),
        ("V17: {", "cannot be read"),
    ],
)
def test_a_wrong_rules_file_is_named_with_the_key(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_limits(path)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)


GOOD = {
    "action": "accept", "instrument": "equity:AAA", "session": CRASH, "author": "jane",
    "reason": "so", "expires": "2999-01-01",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"action": "forgive"}, "overrides[0].action: 'forgive' is none"),
        ({"expires": None}, "overrides[0].expires: is missing"),
        ({"author": None}, "overrides[0].author: is missing"),
        ({"reason": None}, "overrides[0].reason: is missing"),
        ({"session": "today"}, "overrides[0].session: 'today' is no day"),
        ({"rules": "[V02]"}, "overrides[0].rules: V02 cannot be accepted"),
        ({"rules": "[V99]"}, "overrides[0].rules: no rule 'V99'"),
        ({"action": "correct"}, "overrides[0].value: is missing"),
        ({"action": "correct", "value": "x"}, "overrides[0].value: 'x' is no number"),
        ({"value": "1"}, "overrides[0].value: does not go with accept"),
        ({"instrument": "AAA"}, "overrides[0].instrument: is no class:symbol"),
        ({"instrument": None}, "overrides[0].instrument: is missing"),
        ({"colour": "red"}, "overrides[0].colour: no such key"),
    ],
)
def test_a_wrong_override_is_named_with_the_key(
    tmp_path: Path, change: dict[str, str | None], problem: str
) -> None:
    path = tmp_path / "overrides.yaml"
    lines = [f"  {k}: {v}" for k, v in {**GOOD, **change}.items() if v is not None]
    path.write_text("overrides:\n-\n" + "\n".join(lines) + "\n")
    with pytest.raises(ConfigError) as caught:
        load_overrides(path)
    assert problem in str(caught.value)
