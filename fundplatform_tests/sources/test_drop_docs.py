"""docs/drop-folders.md says every key, and its examples load."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.source_yaml import load
from fundplatform_tests.sources.drops import Drop

PAGE = (Path(__file__).parents[2] / "docs" / "drop-folders.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_every_key_has_its_row() -> None:
    told = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    keys = {key for cell in told for key in re.findall(r"`(\w+)`", cell)}
    own = {f.name for f in fields(DropConfig)} - {"name", "path", "symbols_file"}
    assert own <= keys, f"no row for {own - keys}"


def test_there_are_three_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_load(tmp_path: Path, example: str) -> None:
    drop = Drop(tmp_path).yaml(example)
    assert load(drop.folder / "source.yaml").spec.title
