"""A child that ends again and again is given up, with a sentence."""

from __future__ import annotations

import sys
import time

import pytest

from penstock.app.children import EXIT_OPERATOR, LONGEST_PAUSE_S, MOST_ENDS_A_MINUTE, Child, Endings, GaveUp


def watch_for(child: Child, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        child.watch()
        time.sleep(0.01)


def test_pauses_grow_and_shrink_again_after_a_good_life() -> None:
    endings = Endings("lane")
    pauses = [endings.note(now=float(number), lived_s=0.1) for number in range(6)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert endings.note(now=7.0, lived_s=30.0) == 0.1


def test_too_many_ends_within_a_minute_are_hopeless() -> None:
    endings = Endings("lane")
    for number in range(MOST_ENDS_A_MINUTE):
        endings.note(float(number), 0.1)
    with pytest.raises(GaveUp, match="lane ended 9 times within a minute"):
        endings.note(20.0, 0.1)


def test_many_ends_over_a_long_time_are_not() -> None:
    endings = Endings("lane")
    for number in range(100):
        endings.note(10.0 * number, 9.0)


def test_being_killed_from_outside_is_never_hopeless() -> None:
    endings = Endings("lane")
    for number in range(100):
        endings.note(0.1 * number, 0.1, killed=True)


def test_a_child_that_says_it_cannot_run_is_not_started_again() -> None:
    child = Child("lane", [sys.executable, "-c", f"raise SystemExit({EXIT_OPERATOR})"], {})
    child.start()
    with pytest.raises(GaveUp, match="cannot run as things are"):
        watch_for(child, 10)


def test_a_child_that_does_not_listen_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = Child("deaf", [sys.executable, "-c", code], {})
    child.start()
    time.sleep(0.5)
    started = time.monotonic()
    child.stop(0.2)
    assert child.pid is None
    assert time.monotonic() - started < 5


def test_a_child_that_is_not_vital_is_never_given_up() -> None:
    child = Child("office", [sys.executable, "-c", f"raise SystemExit({EXIT_OPERATOR})"], {}, vital=False)
    child.start()
    watch_for(child, 2)
    assert child.pid is None
    child._next_start = 0.0
    assert child.watch()
    child.stop(1)
