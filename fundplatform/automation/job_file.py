"""jobs.yaml: named jobs, what they wait for, and the templates they share. Read and checked here.

In: one YAML file in the home. Out: `Job` values, those that others wait for first, or a
`ConfigError` that names the file, the key and the line to write. Running them is `jobs.py`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from fundplatform.errors import ConfigError
from fundplatform.sources.base import Kind
from fundplatform.sources.drop.yaml_file import read_mapping

Mode = Literal["incremental", "batch"]


@dataclass(frozen=True)
class Job:
    """One named job.

    Attributes:
        name: Identifier; the Dagster job is `job_<name>`.
        sources: Names of sources it fetches from.
        asset_classes: And all sources of these classes.
        kinds: Of their kinds of data; empty: all.
        symbols: Only these vendor symbols; batch mode only.
        compute: It fetches nothing and computes what is new or stale downstream.
        after: Jobs that must have succeeded since it ran last; empty: `cron` or by hand.
        cron: When it runs, in `time_zone`.
        time_zone: IANA name.
        mode: incremental: what is missing; batch: everything of the last `days` again.
        days: How far back it reaches.
        retries: So often it is tried again after a failure.
        retry_after: Rest before the first of these; doubles from one to the next.
        template: Where its defaults came from.
    """

    name: str
    sources: tuple[str, ...] = ()
    asset_classes: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    symbols: tuple[str, ...] = ()
    compute: bool = False
    after: tuple[str, ...] = ()
    cron: str | None = None
    time_zone: str = "UTC"
    mode: Mode = "incremental"
    days: int = 10
    retries: int = 0
    retry_after: timedelta = timedelta(minutes=10)
    template: str | None = None


_EXAMPLE = "us_prices: {sources: [massive], kinds: [ohlcv], cron: '30 20 * * *'}"
_LISTS = ("sources", "asset_classes", "kinds", "symbols", "after")
_KEYS = (*_LISTS, "compute", "cron", "time_zone", "mode", "days", "retries", "retry_minutes")


def load_jobs(path: Path) -> list[Job]:
    """The jobs of the file, those that others rest on first; none where it does not exist.

    Raises:
        ConfigError: No YAML, an unknown key, template or job, a value that does not fit, or jobs
            that wait for each other.
    """
    if not path.exists():
        return []
    reader = _Reader(str(path))
    data = read_mapping(path)
    reader.known("", data, ("templates", "jobs"))
    templates = {
        name: reader.keys(f"templates.{name}", own, _KEYS)
        for name, own in reader.mapping("templates", data.get("templates", {})).items()
    }
    jobs = reader.mapping("jobs", data.get("jobs"))
    return reader.ordered([reader.job(name, own, templates) for name, own in jobs.items()])


class _Reader:
    """Checks each key; `where` is the file that errors name."""

    def __init__(self, where: str) -> None:
        self.where = where

    def job(self, name: str, own: object, templates: Mapping[str, Mapping[str, object]]) -> Job:
        key = f"jobs.{name}"
        if not name.isidentifier():
            raise self.error(key, "is no name", "Use letters, digits and _: us_prices")
        given = self.keys(key, own, ("template", *_KEYS))
        template = given.pop("template", None)
        if template is not None and template not in templates:
            known = ", ".join(templates) or "none: write one under `templates:`"
            raise self.error(f"{key}.template", f"no template {template!r}", f"There are: {known}")
        values = {**templates.get(str(template), {}), **given}
        lists = {n: self._list(f"{key}.{n}", values.get(n, [])) for n in _LISTS}
        made = Job(
            name=name,
            sources=lists["sources"],
            asset_classes=lists["asset_classes"],
            kinds=tuple(self._kind(f"{key}.kinds", k) for k in lists["kinds"]),
            symbols=lists["symbols"],
            compute=self._one_of(f"{key}.compute", values.get("compute", "false"), _YES_NO)
            == "true",
            after=lists["after"],
            cron=self._cron(f"{key}.cron", values.get("cron")),
            time_zone=self._zone(f"{key}.time_zone", values.get("time_zone", "UTC")),
            mode=self._mode(f"{key}.mode", values.get("mode", "incremental")),
            days=self._number(f"{key}.days", values.get("days", "10"), 1),
            retries=self._number(f"{key}.retries", values.get("retries", "0"), 0),
            retry_after=timedelta(
                minutes=self._number(f"{key}.retry_minutes", values.get("retry_minutes", "10"), 1)
            ),
            template=None if template is None else str(template),
        )
        return self._consistent(key, made, own_cron="cron" in given)

    def _consistent(self, key: str, job: Job, *, own_cron: bool) -> Job:
        fetches = bool(job.sources or job.asset_classes)
        if job.compute == fetches:
            what = "fetches and computes" if fetches else "fetches nothing"
            remedy = "Give it `sources:` or `asset_classes:`, or `compute: true`, not both"
            raise self.error(key, what, remedy)
        if job.after and own_cron:
            raise self.error(f"{key}.cron", "it runs after others", "Leave out `cron` or `after`")
        if job.symbols and job.mode != "batch":
            raise self.error(
                f"{key}.symbols",
                "a session fetched for some symbols only would count as fetched",
                "Write `mode: batch`: it fetches sessions again that are there",
            )
        # A template's cron is for those of its jobs that wait for nobody.
        return replace(job, cron=None) if job.after else job

    def ordered(self, jobs: Sequence[Job]) -> list[Job]:
        """Each after those it waits for."""
        names = [j.name for j in jobs]
        for job in jobs:
            for other in job.after:
                if other not in names:
                    raise self.error(
                        f"jobs.{job.name}.after",
                        f"no job {other!r}",
                        f"There are: {', '.join(names)}",
                    )
        done: list[Job] = []
        waiting = list(jobs)
        while waiting:
            ready = [j for j in waiting if set(j.after) <= {d.name for d in done}]
            if not ready:
                circle = ", ".join(j.name for j in waiting)
                raise self.error("jobs", f"{circle} wait for each other", "Leave out one `after`")
            done += ready
            waiting = [j for j in waiting if j not in ready]
        return done

    def mapping(self, key: str, data: object) -> dict[str, object]:
        if not isinstance(data, dict):
            raise self.error(key, "is no mapping", f"Write it like `{_EXAMPLE}`")
        return dict(data)

    def keys(self, key: str, data: object, allowed: Sequence[str]) -> dict[str, object]:
        found = self.mapping(key, data)
        self.known(key, found, allowed)
        return found

    def known(self, key: str, data: Mapping[str, object], allowed: Sequence[str]) -> None:
        for name in data:
            if name not in allowed:
                at = f"{key}.{name}" if key else name
                raise self.error(at, "is no key here", f"Use of: {', '.join(sorted(allowed))}")

    def _list(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise self.error(key, f"{value!r} is no list of words", "Write it like [one, two]")
        return tuple(value)

    def _kind(self, key: str, value: str) -> Kind:
        return Kind(self._one_of(key, value, tuple(str(k) for k in Kind)))

    def _mode(self, key: str, value: object) -> Mode:
        return (
            "batch"
            if self._one_of(key, value, ("incremental", "batch")) == "batch"
            else "incremental"
        )

    def _one_of(self, key: str, value: object, allowed: Sequence[str]) -> str:
        if value not in allowed:
            raise self.error(key, f"{value!r} is unknown", f"Choose from: {', '.join(allowed)}")
        return str(value)

    def _number(self, key: str, value: object, least: int) -> int:
        text = str(value)
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise self.error(key, f"{value!r} is no number from {least} on", "Write it like 10")
        return int(text)

    def _zone(self, key: str, value: object) -> str:
        if value not in available_timezones():
            raise self.error(key, f"{value!r} is no time zone", "Write it like America/New_York")
        return str(value)

    def _cron(self, key: str, value: object) -> str | None:
        from dagster._utils.schedules import is_valid_cron_string

        if value is not None and not (isinstance(value, str) and is_valid_cron_string(value)):
            raise self.error(key, f"{value!r} is no cron line", "Write it like '30 20 * * 1-5'")
        return value

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.where, key, problem, remedy)


_YES_NO = ("true", "false")
