"""A user's own expectations: one YAML or JSON file per suite in the home's `expectations/`.

In: files in Great Expectations' own form (`expectations: [{type, kwargs}]`) with the table they are
for. Out: `Suite`s, or a `ConfigError` that names file and key. Running them is `expectations.py`'s.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fundplatform.contracts import Expectation
from fundplatform.errors import ConfigError
from fundplatform.tables import Table

_KEYS = {"table", "title", "expectations", "name", "meta", "id", "notes", "suite_parameters"}
_OWN_KEYS = {"type", "kwargs", "meta", "id", "severity", "description", "notes", "rendered_content"}
_TYPE = re.compile(r"(expect|unexpected)_[a-z_]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Suite:
    """One file.

    Attributes:
        name: Its name without the ending.
        table: The table whose batches are held against it.
        title: What it is for.
        expectations: In order.
    """

    name: str
    table: Table
    title: str
    expectations: tuple[Expectation, ...]


def load(folder: Path, checked: Sequence[Table]) -> list[Suite]:
    """Every suite of the folder, by name; none where the folder is missing.

    Args:
        folder: The home's.
        checked: Tables whose batches can be held against a suite.

    Raises:
        ConfigError: A file is no suite.
    """
    if not folder.is_dir():
        return []
    files = [f for f in sorted(folder.iterdir()) if f.suffix in (".yaml", ".yml", ".json")]
    made = [_suite(f, checked) for f in files]
    names = [s.name for s in made]
    for suite in made:
        if names.count(suite.name) > 1:
            raise ConfigError(str(folder), suite.name, "two files have this name", "Rename one")
    return made


def _suite(file: Path, checked: Sequence[Table]) -> Suite:
    told = _read(file)
    _known(file, told, _KEYS, "")
    if not _NAME.fullmatch(file.stem):
        raise ConfigError(
            str(file), None, f"{file.stem!r} is no name", "Use letters, digits and _: my_rules.yaml"
        )
    given = told.get("expectations")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ConfigError(
            str(file),
            "expectations",
            "it is no list of expectations",
            "Write `expectations: [{type: expect_column_values_to_be_between, kwargs: {...}}]`",
        )
    meta = told.get("meta")
    name = told.get("table") or (meta.get("table") if isinstance(meta, Mapping) else None)
    found = {t.full_name: t for t in sorted(checked, key=lambda t: t.full_name)}
    if name not in found:
        raise ConfigError(
            str(file), "table", f"{name!r} cannot be checked", f"Use one of {', '.join(found)}"
        )
    wanted = tuple(_expectation(file, n, one) for n, one in enumerate(given, 1))
    return Suite(file.stem, found[name], str(told.get("title") or f"Suite {file.name}."), wanted)


def _expectation(file: Path, number: int, given: object) -> Expectation:
    at = f"expectations[{number}]"
    if not isinstance(given, Mapping):
        raise ConfigError(str(file), at, f"{given!r} has no type", "Write `- type: expect_...`")
    _known(file, given, _OWN_KEYS, f"{at}.")
    kind, kwargs = given.get("type"), given.get("kwargs", {})
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise ConfigError(
            str(file),
            f"{at}.type",
            f"{kind!r} is no expectation",
            "Use Great Expectations' name, such as expect_column_values_to_not_be_null",
        )
    if not isinstance(kwargs, Mapping):
        raise ConfigError(str(file), f"{at}.kwargs", f"{kwargs!r} is no mapping", "Write `{...}`")
    return Expectation(kind, {str(n): v for n, v in kwargs.items()})


def _known(file: Path, given: Mapping[Any, Any], keys: set[str], at: str) -> None:
    for key in given:
        if key not in keys:
            raise ConfigError(
                str(file), f"{at}{key}", "it is no key here", f"Use of: {', '.join(sorted(keys))}"
            )


def _read(file: Path) -> Mapping[str, Any]:
    try:
        text = file.read_text("utf-8")
        told = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(str(file), None, f"it cannot be read ({error})", "Mend it") from None
    if not isinstance(told, Mapping):
        raise ConfigError(str(file), None, "it is no mapping", "Write `table:`, `expectations:`")
    return told
