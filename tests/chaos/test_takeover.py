"""A second lane process on the same database takes over; the first writes and answers nothing more."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
    seed = random.SystemRandom().randrange(10**9)
    with load.running(seed):
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
    impatient = bank.client()
    with load.running(1):
        until(lambda: load.answered > 50)
        os.kill(first, signal.SIGSTOP)  # in the middle of whatever it does
        try:
            bodies = [wish(payer, payee, 1) for _ in range(3)]
            with second_lane(installation) as second:
                # Those who wait hear that the outcome is unknown, go to the new lane, and are answered there.
                until(lambda: highest_epoch(installation) > before)
                outcomes = [impatient.command("/v1/payments", body) for body in bodies]
                assert {outcome["state"] for outcome in outcomes} == {"cleared"}
                answered = load.answered
                until(lambda: load.answered > answered + 50)
                assert psutil.Process(first).status() == psutil.STATUS_STOPPED
                assert second.poll() is None
                os.kill(first, signal.SIGCONT)
                until(lambda: not psutil.pid_exists(first))
                assert second.wait(60) == EXIT_RETRY
        finally:
            with_life = psutil.pid_exists(first)
            if with_life:
                os.kill(first, signal.SIGCONT)
        answered = load.answered
        until(lambda: load.answered > answered + 50)
    check(installation, load)
    assert bank.money(payee) == (3, 0)


@pytest.mark.parametrize("times", [2])
def test_lanes_that_start_together_leave_one(installation: Installation, bank: Bank, times: int) -> None:
    load, seed = Load(bank), random.SystemRandom().randrange(10**9)
    with load.running(seed):
        until(lambda: load.answered > 20)
        with second_lane(installation) as one, second_lane(installation) as two:
            assert {process.wait(90) for process in (one, two)} == {EXIT_RETRY}
        answered = load.answered
        until(lambda: load.answered > answered + 20 * times)
    check(installation, load)
