"""How an explanation is printed: whole figures, few broad rows upright, exit 1 where wrong."""

import polars as pl
import pytest
from click.exceptions import Exit

from fundplatform.explain import Explanation
from fundplatform.explain_cli import show


def test_few_broad_rows_stand_upright(capsys: pytest.CaptureFixture[str]) -> None:
    """Fourteen columns beside each other would cut every number off."""
    found = Explanation()
    broad = {"basis": ["gross_total", "price"], **{f"c{n}": [n / 3, n / 7] for n in range(1, 14)}}
    found.add("Metric", pl.DataFrame(broad))
    show(found, 0)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["column", "value", "1", "value", "2"] in told
    assert ["basis", "gross_total", "price"] in told
    assert ["c1", "0.3333333333", "0.1428571429"] in told


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    found = Explanation()
    found.add("Prices", pl.DataFrame({"symbol": ["A", "B"], "close": [1 / 3, 2.0]}))
    found.add("Empty", [])
    found.add("Checked", [found.check("sum", True, "1")])
    show(found, 1)
    told = capsys.readouterr().out
    assert "Prices (1 more)" in told
    assert "0.3333333333" in told
    assert "Empty" not in told
    assert "ok    sum: 1" in told
    assert found.check("sum", None, "3") == "?     sum: 3"
    found.check("sum", False, "2")
    with pytest.raises(Exit):
        show(found, 0)


def test_large_amounts_are_grouped_hashes_and_instants_short(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Explanation()
    frame = pl.DataFrame(
        {
            "cap": [523641290322.58, 239850000.0, None],
            "known_at": pl.Series(["2016-06-24T02:15:22Z"] * 3).str.to_datetime(),
            "payload_hash": ["29baaa0b7669da09c56e8fdd", None, None],
            "source_id": [1, 1, 1],
        }
    )
    found.add("Caps", frame)
    show(found, 0)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["cap", "known_at", "payload_hash"],
        ["523,641,290,323", "2016-06-24", "02:15", "29baaa0b7669da09"],
        ["239,850,000", "2016-06-24", "02:15", "-"],
        ["-", "2016-06-24", "02:15", "-"],
    ]
