"""Limits hold over processes and restarts; a plan's time is the true time."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Rate
from fundplatform.sources.web.shared_limits import SharedLimits, in_file
from fundplatform.sources.web.timing import most_per_day, seconds_for
from fundplatform_tests.sources.vendor_server import Vendor, json, serving

MODULE = "fundplatform_tests.sources.web.limit_worker"


def worst(times: Sequence[float], seconds: float) -> int:
    """Most calls in any window of that length, as the vendor saw them."""
    ordered = sorted(times)
    return max(sum(1 for t in ordered if a <= t < a + seconds) for a in ordered)


def test_the_counting_of_this_test() -> None:
    assert worst([0.0, 1.0, 1.9, 2.0], 2.0) == 3


def start(
    vendor: Vendor, bucket: str, rates: str, calls: int, seconds: float = 60
) -> "subprocess.Popen[str]":
    arguments = [vendor.url, bucket, rates, str(calls), str(seconds)]
    command = [sys.executable, "-m", MODULE, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(workers: Sequence["subprocess.Popen[str]"]) -> int:
    made = [int(w.communicate(timeout=400)[0] or 0) for w in workers]
    assert all(w.returncode == 0 for w in workers)
    return sum(made)


@contextmanager
def acme() -> Iterator[Vendor]:
    with serving() as vendor:
        vendor.on("/x", json({}))
        yield vendor


@pytest.mark.slow
def test_no_window_is_ever_overfull(tmp_path: Path) -> None:
    """8 processes, 5 in 2 s and 25 in 14 s (a minute and a day, scaled), some of them restarted."""
    bucket, rates = str(tmp_path / "calls.sqlite"), "5/2,25/14"
    with acme() as vendor:
        workers = [start(vendor, bucket, rates, 5) for _ in range(8)]
        # Killed while it works or waits, and started anew.
        time.sleep(4)
        workers[0].kill()
        workers[0].wait()
        made = finish(workers[1:]) + finish([start(vendor, bucket, rates, 5)])
        assert made == 40
        times = [asked.at for asked in vendor.asked]
    assert worst(times, 2.0) <= 5
    assert worst(times, 14.0) <= 25


@pytest.mark.slow
def test_no_window_is_overfull_with_the_count_in_postgres(warehouse_url: str) -> None:
    """4 processes at once, as on several machines of one installation."""
    with acme() as vendor:
        workers = [start(vendor, warehouse_url, "5/2,25/14", 4) for _ in range(4)]
        assert finish(workers) == 16
        times = [asked.at for asked in vendor.asked]
    assert worst(times, 2.0) <= 5


@pytest.mark.slow
def test_the_plan_says_how_long_it_takes(tmp_path: Path) -> None:
    rates = (Rate(5, 1.5), Rate(20, 9.0))
    planned = seconds_for(42, rates)
    # 20 calls by second 4.5, the next 20 by 9 + 4.5, the last two at 18.
    assert planned == 18.0
    with acme() as vendor:
        workers = [start(vendor, str(tmp_path / "c"), "5/1.5,20/9", 6) for _ in range(7)]
        assert finish(workers) == 42
        times = sorted(asked.at for asked in vendor.asked)
    assert times[-1] - times[0] == pytest.approx(planned, rel=0.05)
    assert worst(times, 1.5) <= 5
    assert worst(times, 9.0) <= 20


@pytest.mark.slow
def test_a_minute_of_kills_and_restarts(tmp_path: Path) -> None:
    """8 processes, 5 in 6 s and 25 in 40 s; after each fifth call one is killed and replaced."""
    bucket, rates = str(tmp_path / "calls.sqlite"), "5/6,25/40"
    with acme() as vendor:
        workers = [start(vendor, bucket, rates, 1000) for _ in range(8)]
        for n in range(10):
            until = time.monotonic() + 100
            while len(vendor.asked) < 5 * (n + 1) and time.monotonic() < until:
                time.sleep(0.05)
            workers[n % 8].kill()
            workers[n % 8].wait()
            workers[n % 8] = start(vendor, bucket, rates, 1000)
        for worker in workers:
            worker.kill()
            worker.wait()
        times = [asked.at for asked in vendor.asked]
    assert len(times) >= 50, "they went on"
    assert worst(times, 6.0) <= 5
    assert worst(times, 40.0) <= 25


@pytest.mark.slow
def test_the_plan_of_three_days_of_quota(tmp_path: Path) -> None:
    """60 calls by 8 processes, 5 in 6 s and 25 in 60 s: 25, 25 and 10, done after 126 s."""
    rates = (Rate(5, 6.0), Rate(25, 60.0))
    planned = seconds_for(60, rates)
    assert planned == 126.0
    with acme() as vendor:
        calls = [8, 8, 8, 8, 7, 7, 7, 7]
        assert (
            finish([start(vendor, str(tmp_path / "c"), "5/6,25/60", n, 300) for n in calls]) == 60
        )
        times = sorted(asked.at for asked in vendor.asked)
    assert times[-1] - times[0] == pytest.approx(planned, rel=0.05)
    assert worst(times, 6.0) <= 5
    assert worst(times, 60.0) <= 25


def test_a_used_up_day_ends_the_fetch_at_once(tmp_path: Path) -> None:
    rates = (Rate(2, 86_400.0),)
    for restart in range(3):
        limits = SharedLimits("acme", rates, lambda: in_file(tmp_path / "c", rates))
        if restart < 2:
            with limits.slot():
                pass
            continue
        with pytest.raises(VendorError, match="next call is free at") as caught, limits.slot():
            pass
        assert caught.value.failure is Failure.QUOTA_EXHAUSTED


def test_a_call_that_is_still_running_takes_its_place(tmp_path: Path) -> None:
    """The vendor may count it at its very end: the window begins with the answer."""
    rates = (Rate(1, 0.3),)

    def opened() -> SharedLimits:
        return SharedLimits("acme", rates, lambda: in_file(tmp_path / "c", rates), lease=9.0)

    one, other = opened(), opened()
    with one.slot():
        time.sleep(0.4)
        answered = time.monotonic()
    with other.slot():
        assert time.monotonic() - answered >= 0.3


def test_arithmetic() -> None:
    five = (Rate(5, 60.0),)
    assert seconds_for(0, five) == 0
    assert seconds_for(5, five, latency=0.5) == 0.5
    # Call 6 waits for the answer of call 1 and a minute; 502 calls are 100 minutes and a bit.
    assert seconds_for(6, five, latency=0.5) == 61.0
    assert seconds_for(502, five) == 6000.0
    assert most_per_day(five) is None
    assert most_per_day((*five, Rate(25, 86_400.0))) == 25
    assert most_per_day((Rate(30, 60.0), Rate(10_000, 30 * 86_400.0))) == 333
