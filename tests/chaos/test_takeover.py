"""A second lane process on the same database takes over; the first writes and answers nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest
from support import breaking
from support.bank import Bank, until, wish
from support.installation import Installation
from support.load import Load

from penstock.app.lane_process import EXIT_RETRY


@contextmanager
def second_lane(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """Another lane process with the same settings; it writes into the same log."""
    with (installation.home / "serve.log").open("ab") as log:
        command = [sys.executable, "-m", "penstock.app.lane_process"]
        process = subprocess.Popen(command, env=installation.environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process for a while; it goes on at the end, if it has not been told so before."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def highest_epoch(installation: Installation) -> int:
    return breaking.epochs(installation)[-1]


def check(installation: Installation, load: Load) -> None:
    load.check()
    seen = breaking.epochs(installation)
    assert seen == sorted(seen), "a lane wrote after another one had taken over"
    verified = installation.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_second_lane_takes_over_under_load(installation: Installation, bank: Bank) -> None:
    """The supervisor starts the first lane again, which takes over in turn: two handovers under load."""
    load, first, before = Load(bank), installation.pid("lane"), highest_epoch(installation)
    assert first is not None
    with load.running(seed=1):
        until(lambda: load.answered > 50)
        with second_lane(installation) as second:
            until(lambda: highest_epoch(installation) > before)
            until(lambda: not psutil.pid_exists(first))
            assert second.wait(60) == EXIT_RETRY, "the supervisor's next lane fences the second one"
        answered = load.answered
        until(lambda: load.answered > answered + 50)
        assert highest_epoch(installation) >= before + 2
    check(installation, load)


def test_a_lane_that_slept_through_a_takeover_does_nothing_when_it_wakes(installation: Installation, bank: Bank) -> None:
    load, first, before = Load(bank), installation.pid("lane"), highest_epoch(installation)
    assert first is not None
    payer, payee = bank.account(1_000), bank.account()
    with load.running(seed=2):
        until(lambda: load.answered > 50)
        with stopped(first), second_lane(installation) as second:  # it stops in the middle of whatever it does
            until(lambda: highest_epoch(installation) > before)
            # Edges find the new lane although the old one's socket is still open.
            outcomes = [bank.do("/v1/payments", **wish(payer, payee, 1)) for _ in range(3)]
            assert {outcome["state"] for outcome in outcomes} == {"cleared"}
            answered = load.answered
            until(lambda: load.answered > answered + 50)
            assert psutil.Process(first).status() == psutil.STATUS_STOPPED
            assert second.poll() is None
            os.kill(first, signal.SIGCONT)
            until(lambda: not psutil.pid_exists(first))
            assert second.wait(60) == EXIT_RETRY
        answered = load.answered
        until(lambda: load.answered > answered + 50)
    check(installation, load)
    assert bank.money(payee) == (3, 0)


@pytest.mark.chaos
def test_of_lanes_that_start_together_one_is_left(installation: Installation, bank: Bank) -> None:
    load = Load(bank)
    with load.running(seed=3):
        until(lambda: load.answered > 20)
        with second_lane(installation) as one, second_lane(installation) as two:
            assert {process.wait(90) for process in (one, two)} == {EXIT_RETRY}
        answered = load.answered
        until(lambda: load.answered > answered + 50)
    check(installation, load)
