"""Committing in a thread of its own: the lane decides the next batch while the last one becomes durable.

Work is carried out one piece after another, in the order in which it was handed over. Once a piece has
failed, the memory from which the later ones were made is worthless: all of them fail with the same error.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Committer:
    """One thread that works for one lane on the writer's connection. Only the lane's own thread may call it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "commit")
        self._newest: Future[object] | None = None
        self._failure: Exception | None = None
        #: Called in the committing thread after each piece of work.
        self.on_done: Callable[[], None] = _nothing
        #: Work that nothing is before is done by the lane's own thread. It is right when nobody else waits for the lane:
        #: handing over to another thread and hearing from it takes longer than a small commit.
        self.at_once = False

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Do this after everything that was handed over before."""
        if self.at_once and self.idle:
            coming = self._now(work)
        else:
            coming = self._thread.submit(self._carry_out, work)
            coming.add_done_callback(lambda _: self.on_done())
        self._newest = coming  # type: ignore[assignment]
        return coming

    def _now(self, work: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(self._carry_out(work))
        except Exception as error:  # noqa: BLE001 - whoever waits for the result gets it, as from the other thread
            done.set_exception(error)
        return done

    def _carry_out(self, work: Callable[[], T]) -> T:
        if self._failure is not None:
            raise self._failure
        try:
            return work()
        except Exception as error:
            self._failure = error
            raise

    @property
    def idle(self) -> bool:
        """Whether everything that was handed over has been done."""
        return self._newest is None or self._newest.done()

    def settle(self) -> None:
        """Wait until everything has been done; then the connection is the caller's until more is handed over.

        :raises Exception: what the first piece that failed has raised.
        """
        if self._newest is not None:
            self._newest.result()


def _nothing() -> None:
    return
