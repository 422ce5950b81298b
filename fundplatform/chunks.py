"""One run of a backfill: what it covers, how it is executed in this process, what came of it.

Which runs are needed is decided in `fetch_plan.py` and `chain_plan.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import dagster as dg
from dagster import DagsterEventType
from dagster._core.events import HandledOutputData, RunFailureReason

from fundplatform import processes
from fundplatform.storage.io_manager import RANGE_END, RANGE_START


@dataclass(frozen=True)
class Chunk:
    """One run: these assets, for the sessions first..last (None: unpartitioned).

    `more` are further run tags: only some symbols, or a fetch played again.
    """

    label: str
    keys: tuple[dg.AssetKey, ...]
    first: date | None = None
    last: date | None = None
    partitions: int = 1
    more: tuple[tuple[str, str], ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """The run tags that carry the range, and `more`."""
        if self.first is None or self.last is None:
            return dict(self.more)
        span = {RANGE_START: self.first.isoformat(), RANGE_END: self.last.isoformat()}
        return {**span, **dict(self.more)}

    def __str__(self) -> str:
        """`label first..last (n partitions)`."""
        span = f" {self.first}..{self.last} ({self.partitions} partitions)" if self.first else ""
        return f"{self.label}{span}"


@dataclass(frozen=True)
class Stored:
    """What a fetch did to the rows of its asset.

    Attributes:
        inserted: New rows.
        updated: Rows whose values changed.
        unchanged: Rows that were there as they came.
        refused: Rows that are none: see `raw.rejected`.
        reason: Of the first of them.
        rows: Rows of the asset afterwards, of all of its sessions.
    """

    inserted: int
    updated: int
    unchanged: int
    refused: int = 0
    reason: str = ""
    rows: int = 0

    @classmethod
    def of(cls, noted: Mapping[str, Any]) -> "Stored | None":
        """From what the IO manager noted with an output; None for what is computed."""
        if "rejected_at_load" not in noted:
            return None
        return cls(
            noted["rows_inserted"],
            noted["rows_updated"],
            noted["rows_unchanged"],
            noted.get("rows_refused", 0),
            noted.get("first refused", ""),
            noted["dagster/row_count"],
        )

    def __str__(self) -> str:
        """`120 new, 3 changed, 57 unchanged, 2 refused`; what is none is left out."""
        counts = {
            "new": self.inserted,
            "changed": self.updated,
            "unchanged": self.unchanged,
            "refused": self.refused,
        }
        return ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or "no rows"


@dataclass(frozen=True)
class Outcome:
    """What a chunk's run came to: success, or the messages of what failed; of a fetch its rows."""

    chunk: Chunk
    run_id: str
    errors: tuple[str, ...] = ()
    stored: Stored | None = None


def run_chunk(chunk: Chunk, job: dg.JobDefinition, instance: dg.DagsterInstance) -> Outcome:
    """Execute one chunk in this process on the persistent instance.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came: Dagster takes either for a failure of the run.
    """
    result = job.execute_in_process(
        instance=instance,
        asset_selection=list(chunk.keys),
        tags={
            **chunk.tags,
            "fundplatform/chunk": str(chunk),
            processes.TAG: processes.mark(),
        },
        run_config=_LOGGERS if "console" in job.loggers else None,
        raise_on_error=False,
    )
    if any(_is_interrupt(event) for event in result.all_events):
        raise KeyboardInterrupt(str(chunk))
    errors = () if result.success else tuple(_failures(result))
    return Outcome(chunk, result.run_id, errors, _stored(result))


# A job's own logger only takes part where the run names it.
_LOGGERS: dict[str, Any] = {"loggers": {"console": {}}}


def _is_interrupt(event: dg.DagsterEvent) -> bool:
    if event.event_type != DagsterEventType.RUN_FAILURE:
        return False
    return event.job_failure_data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION


def _stored(result: dg.ExecuteInProcessResult) -> Stored | None:
    """Of the run's fetch; None where it only computes."""
    for event in result.all_node_events:
        if event.event_type != DagsterEventType.HANDLED_OUTPUT:
            continue
        told = cast(HandledOutputData, event.event_specific_data)
        if found := Stored.of({name: value.value for name, value in told.metadata.items()}):
            return found
    return None


def _failures(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    for event in result.all_node_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause if error and error.cause else error
            yield f"{event.step_key}: {cause.message.strip() if cause else 'failed'}"
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                yield (
                    f"check {evaluation.check_name} on {evaluation.asset_key.to_user_string()} "
                    "failed: see its metadata in the UI"
                )
