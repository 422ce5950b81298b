"""Prometheus' text format, version 0.0.4: measures to text, and a file replaced as a whole.

In: names, helps and samples. Out: text that Prometheus and node_exporter read. What is measured is
`automation/measures.py`'s. Written by hand: it is a page of rules, and the client library would add
a dependency for them.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class Measure:
    """One metric with its samples.

    Attributes:
        name: With its unit at the end; that of a counter ends in `_total`.
        help: One line.
        kind: gauge, or counter for what only grows.
        samples: Labels and value.
    """

    name: str
    help: str
    kind: Literal["gauge", "counter"]
    samples: tuple[tuple[Mapping[str, str], float], ...]


def text(measures: Iterable[Measure]) -> str:
    """All of them; those without a sample are left out.

    Raises:
        ValueError: A name or a label that the format does not know.
    """
    return "".join(line + "\n" for one in measures if one.samples for line in _lines(one))


def _lines(one: Measure) -> Iterable[str]:
    if not _NAME.fullmatch(one.name):
        raise ValueError(f"{one.name!r} is no name of a metric")
    yield f"# HELP {one.name} {_escaped(one.help)}"
    yield f"# TYPE {one.name} {one.kind}"
    for labels, value in one.samples:
        yield f"{one.name}{_labels(labels)} {_number(value)}"


def _labels(labels: Mapping[str, str]) -> str:
    for name in labels:
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a label")
    quoted = {name: _escaped(value).replace('"', '\\"') for name, value in labels.items()}
    return "{" + ",".join(f'{n}="{v}"' for n, v in quoted.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if float(value).is_integer() else repr(float(value))


def write(path: Path, content: str) -> None:
    """Replace the file at once: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(content, "utf-8")
    new.chmod(0o644)
    new.replace(path)
