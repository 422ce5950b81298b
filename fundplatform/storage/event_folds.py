"""One materialization event that stands for all partitions of a run's range (decision 0002).

In: what is said of each partition, folded into the last one's event before Dagster sees it. Out:
the text of each partition's event, as Dagster would have made them one by one, filled into a
pattern that is serialized once. Only an event log that unfolds (`event_rows.BulkRows`) is given
such events.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._serdes import serialize_value

Numbers = Mapping[str, int | float]
Kind = tuple[tuple[str, type], ...]

FOLDED = "fundplatform/folded"
# No text, timestamp or number of an event looks like these.
_PARTITION = "partition-8d0b7a5f1c2e4f0e"
_INT, _FLOAT = 721634091587264000, "7.216340915872{:03}e-77"


def fold(facts: Mapping[str, Numbers]) -> dict[str, object]:
    """The metadata of the last partition's event: all partitions' numbers."""
    return {FOLDED: dg.MetadataValue.json({k: dict(v) for k, v in facts.items()})}


def is_folded(event: EventLogEntry) -> bool:
    """Whether the event stands for several."""
    return FOLDED in _metadata(event)


def unfolded(
    events: Iterable[EventLogEntry],
) -> Iterator[tuple[EventLogEntry, Mapping[str, str]]]:
    """Each event; of one that stands for several the last one, and partition -> serialized text."""
    for event in events:
        found = _metadata(event).get(FOLDED)
        if found is None:
            yield event, {}
        else:
            last, numbers = list(found.value.items())[-1]
            yield _of(event, last, numbers), _texts(event, found.value)


def _metadata(event: EventLogEntry) -> Mapping[str, Any]:
    if event.dagster_event_type is not DagsterEventType.ASSET_MATERIALIZATION:
        return {}
    return event.get_dagster_event().step_materialization_data.materialization.metadata


def _texts(event: EventLogEntry, facts: Mapping[str, Numbers]) -> dict[str, str]:
    patterns: dict[Kind, _Pattern] = {}
    texts: dict[str, str] = {}
    for partition, numbers in facts.items():
        kind = tuple((label, type(value)) for label, value in numbers.items())
        if kind not in patterns:
            patterns[kind] = _pattern(event, kind)
        texts[partition] = patterns[kind].filled([partition, *numbers.values()])
    return texts


def _of(event: EventLogEntry, partition: str, numbers: Numbers) -> EventLogEntry:
    """The event of one partition."""
    of_event = event.get_dagster_event()
    data = of_event.step_materialization_data
    metadata = {n: v for n, v in data.materialization.metadata.items() if n != FOLDED}
    for label, value in numbers.items():
        metadata[label] = (
            dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)
        )
    own = data.materialization._replace(partition=partition, metadata=metadata)
    return event._replace(
        dagster_event=of_event._replace(
            event_specific_data=StepMaterializationData(own, data.asset_lineage)
        )
    )


@dataclass(frozen=True)
class _Pattern:
    """The text of an event: what stays (even places) and which value comes between (odd places)."""

    pieces: tuple[str, ...]
    gaps: tuple[int, ...]

    def filled(self, values: Sequence[object]) -> str:
        """The text with these values: the partition, then its numbers."""
        told = [str(v) if type(v) is int else json.dumps(v) for v in values]
        parts = [self.pieces[0]]
        for gap, piece in zip(self.gaps, self.pieces[1:], strict=True):
            parts += [told[gap], piece]
        return "".join(parts)


def _pattern(event: EventLogEntry, kind: Kind) -> _Pattern:
    numbers = {
        label: _INT + n if type_ is int else float(_FLOAT.format(n))
        for n, (label, type_) in enumerate(kind)
    }
    marks = [json.dumps(mark) for mark in (_PARTITION, *numbers.values())]
    text = serialize_value(_of(event, _PARTITION, numbers))
    parts = re.split(f"({'|'.join(map(re.escape, marks))})", text)
    return _Pattern(tuple(parts[::2]), tuple(marks.index(mark) for mark in parts[1::2]))
