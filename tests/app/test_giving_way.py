"""Indexing gives way to payments, and nobody is left stopped."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from penstock.app.giving_way import GivingWay, go_on

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has a priority below all others")
_BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    """A process that takes all the time that it gets, for at most a minute."""
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def test_it_stands_back_until_too_much_is_waiting(busy: psutil.Process) -> None:
    way = GivingWay()
    way.suit(3)  # nobody yet
    way.begin(busy.pid)
    assert busy.nice() == 10
    found = []
    for waiting in (0, 1, 2, 3, 1):
        way.suit(waiting)
        found.append(os.sched_getscheduler(busy.pid))
    assert found == [os.SCHED_IDLE, os.SCHED_IDLE, os.SCHED_OTHER, os.SCHED_OTHER, os.SCHED_IDLE]
    busy.kill()
    busy.wait()
    way.suit(2)
    with way.in_turns():
        pass


def test_it_works_and_rests_by_turns_and_goes_on_afterwards(busy: psutil.Process) -> None:
    way = GivingWay()
    way.begin(busy.pid)
    with way.in_turns():
        assert seen_stopped(busy, 5.0), "it rests"
        before = cpu_s(busy)
        wait_until(lambda: cpu_s(busy) > before + 0.05)
    assert not seen_stopped(busy, 0.1)


def test_it_is_not_stopped_when_too_much_is_waiting_or_the_keeper_ends(busy: psutil.Process) -> None:
    way = GivingWay()
    way.begin(busy.pid)
    with way.in_turns():
        way.suit(2)
        time.sleep(0.05)  # the last rest is over
        assert not seen_stopped(busy, 0.1)
        way.suit(1)
        assert seen_stopped(busy, 5.0)
        way.end()
        assert not seen_stopped(busy, 0.1)


def test_who_could_not_be_raised_again_is_not_made_idle_and_is_not_stopped_when_too_much_waits(
    busy: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, 0))
    way = GivingWay()
    way.begin(busy.pid)
    assert os.sched_getscheduler(busy.pid) == os.SCHED_OTHER
    with way.in_turns():
        assert seen_stopped(busy, 5.0)
        way.suit(2)
        time.sleep(0.05)  # the last rest is over
        assert not seen_stopped(busy, 0.1)


def test_who_was_left_stopped_goes_on(busy: psutil.Process) -> None:
    busy.suspend()
    wait_until(lambda: busy.status() == psutil.STATUS_STOPPED)
    go_on(busy.pid)
    wait_until(lambda: busy.status() != psutil.STATUS_STOPPED)
    busy.kill()
    busy.wait()
    go_on(busy.pid)


def seen_stopped(process: psutil.Process, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.status() == psutil.STATUS_STOPPED:
            return True
    return False


def cpu_s(process: psutil.Process) -> float:
    return float(process.cpu_times().user)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
