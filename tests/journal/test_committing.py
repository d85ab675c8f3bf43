"""The committing thread: one after another, and nothing after a failure."""

from __future__ import annotations

import threading

import pytest

from penstock.journal.committing import Committer


def test_work_is_done_in_the_order_in_which_it_was_handed_over() -> None:
    committer, done, gate = Committer(), [], threading.Event()
    first = committer.soon(lambda: (gate.wait(5), done.append(1)))
    second = committer.soon(lambda: done.append(2))
    assert not committer.idle
    assert not second.done()
    gate.set()
    second.result(5)
    assert first.done()
    assert done == [1, 2]
    committer.settle()
    assert committer.idle


def test_what_was_handed_over_behind_a_failure_is_never_done() -> None:
    committer, gate = Committer(), threading.Event()

    def fail() -> None:
        gate.wait(5)
        raise ConnectionError("gone")

    done: list[int] = []
    first, second = committer.soon(fail), committer.soon(lambda: done.append(2))
    gate.set()
    for ended in (first, second, committer.soon(lambda: done.append(3))):
        with pytest.raises(ConnectionError, match="gone"):
            ended.result(5)
    with pytest.raises(ConnectionError, match="gone"):
        committer.settle()
    assert done == []


def test_each_piece_of_work_rings_the_bell() -> None:
    committer, rung = Committer(), threading.Semaphore(0)
    committer.on_done = rung.release
    committer.soon(lambda: None)
    committer.soon(lambda: None)
    assert rung.acquire(timeout=5)
    assert rung.acquire(timeout=5)


def test_work_that_nothing_is_before_may_be_done_by_the_callers_own_thread() -> None:
    committer, done, gate = Committer(), [], threading.Event()
    behind = committer.soon(lambda: gate.wait(5))
    committer.at_once = True
    second = committer.soon(lambda: done.append(threading.current_thread().name))
    assert not second.done()
    gate.set()
    committer.settle()
    assert behind.done()
    assert committer.soon(lambda: done.append(threading.current_thread().name)).done()
    assert done[0].startswith("commit")
    assert done[1] == threading.current_thread().name
    committer.at_once = False
    assert committer.soon(lambda: threading.current_thread().name).result(5).startswith("commit")


def test_a_failure_in_the_callers_own_thread_ends_everything_as_well() -> None:
    committer = Committer()
    committer.at_once = True

    def fail() -> None:
        raise ConnectionError("gone")

    first = committer.soon(fail)
    committer.at_once = False
    for ended in (first, committer.soon(lambda: None)):
        with pytest.raises(ConnectionError, match="gone"):
            ended.result(5)
    with pytest.raises(ConnectionError, match="gone"):
        committer.settle()
