"""The flows with the bank as DBOS workflows: every step is done again, or found done, after any crash.

A workflow sleeps while the bank owes an answer, however long; it ends when the lane has followed.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import structlog
from dbos import DBOS, SetWorkflowID, StepOptions

from penstock.process.rails import actions, rules, store
from penstock.process.rails.actions import Rails
from penstock.process.rails.bank import Outcome

log = structlog.get_logger()

T = TypeVar("T")
_MOST_AT_ONCE: Final = 100
_MOST_LOOKED_AT: Final = 10_000


@dataclass(frozen=True)
class Flows:
    """The registered workflows, and how they are handed over."""

    rails: Rails
    transfer_out: Callable[[int, int, int], Any]
    book_arrival: Callable[[int, int, int], Any]
    #: Names of what a workflow of this process is at work on.
    at_work: set[str]
    #: Names of what nobody was at work on at the last look.
    suspected: set[str] = field(default_factory=set)


def register(rails: Rails) -> Flows:
    """Register the workflows with DBOS, once in a process, before it is launched."""
    at_work: set[str] = set()

    @DBOS.workflow(name="rail_transfer_out", max_recovery_attempts=None)
    async def transfer_out(lane: int, seq: int, time_ms: int) -> None:
        """Have a credit transfer carried out, and let the lane follow the bank's answer."""
        assert lane == rails.lane
        with _noted(at_work, rules.out_workflow(lane, seq)):
            attempt = 0
            while (await _step("ask_bank", actions.ask_bank, rails, seq))[0] == Outcome.UNKNOWN:
                await DBOS.sleep_async(await _pause(rails, attempt))
                attempt += 1
            while not await _step("tell_lane", actions.tell_lane, rails, seq, time_ms):
                time_ms = await _step("now", _now_ms, rails)

    @DBOS.workflow(name="rail_book_arrival", max_recovery_attempts=None)
    async def book_arrival(lane: int, number: int, time_ms: int) -> None:
        """Book what arrived at the bank."""
        assert lane == rails.lane
        with _noted(at_work, rules.in_workflow(lane, number)):
            attempt = 0
            while (found := await _step("book", actions.book, rails, number, time_ms)) != "done":
                if found == "expired":
                    time_ms = await _step("now", _now_ms, rails)
                    continue
                await DBOS.sleep_async(await _pause(rails, attempt))
                attempt += 1

    return Flows(rails, transfer_out, book_arrival, at_work)


@contextmanager
def _noted(at_work: set[str], name: str) -> Iterator[None]:
    at_work.add(name)
    try:
        yield
    finally:
        at_work.discard(name)


async def hand_over(flows: Flows) -> bool:
    """Hand over to workflows what waits for one; whether there may be more at once.

    Done again after a crash: a workflow's id stands for one workflow.
    """
    rails = flows.rails
    async with rails.office.connection() as connection:
        seqs, numbers = await store.to_start(connection, rails.lane, _MOST_AT_ONCE)
    for seq in seqs:
        await _start(flows, rules.out_workflow(rails.lane, seq), seq)
    for number in numbers:
        await _start_arrival(flows, rules.in_workflow(rails.lane, number), number)
    if seqs or numbers:
        async with rails.office.connection() as connection:
            await store.mark_started(connection, rails.lane, seqs, numbers)
    return len(seqs) == _MOST_AT_ONCE or len(numbers) == _MOST_AT_ONCE


async def revive(flows: Flows) -> bool:
    """Begin anew what waits and was twice found with nobody at work on it: its workflow broke off, or ended with an error.

    Two workflows for the same are no harm: the bank and the lane do each thing once.
    """
    rails = flows.rails
    async with rails.office.connection() as connection:
        seqs, numbers = await store.waiting(connection, rails.lane, _MOST_LOOKED_AT)
    starts = {rules.out_workflow(rails.lane, seq): functools.partial(_start, flows, seq=seq) for seq in seqs}
    starts |= {rules.in_workflow(rails.lane, number): functools.partial(_start_arrival, flows, number=number) for number in numbers}
    alone = starts.keys() - flows.at_work
    for name in sorted(alone & flows.suspected):
        log.warning("workflow_begun_anew", workflow=name)
        await starts[name](await _free_id(name))
    flows.suspected.clear()
    flows.suspected.update(alone)
    return False


async def forget(now: datetime, days: int) -> bool:
    """Delete what DBOS keeps of workflows that ended well so many days ago; whether there may be more at once.

    What they did stays in our own tables, by which nothing is begun twice.
    """
    before = (now - timedelta(days=days)).isoformat()
    old = await DBOS.list_workflows_async(
        status="SUCCESS", completed_before=before, workflow_id_prefix="rail-", limit=_MOST_AT_ONCE, load_input=False,
        load_output=False,
    )  # fmt: skip
    if old:
        await DBOS.delete_workflows_async([one.workflow_id for one in old])
    return len(old) == _MOST_AT_ONCE


async def _start(flows: Flows, name: str, seq: int) -> None:
    async with flows.rails.office.connection() as connection:
        found = await store.transfer(connection, flows.rails.lane, seq)
    with SetWorkflowID(name):
        await DBOS.start_workflow_async(flows.transfer_out, found.lane, seq, found.time_us // 1000)


async def _start_arrival(flows: Flows, name: str, number: int) -> None:
    async with flows.rails.office.connection() as connection:
        found = await store.arrived(connection, number)
    with SetWorkflowID(name):
        await DBOS.start_workflow_async(flows.book_arrival, flows.rails.lane, number, found.seen_us // 1000)


async def _free_id(name: str) -> str:
    """The id of another workflow for the same thing."""
    again = 1
    while await DBOS.get_workflow_status_async(f"{name}-{again}") is not None:
        again += 1
    return f"{name}-{again}"


async def _step(name: str, work: Callable[..., Awaitable[T]], *given: Any) -> T:
    """One step; ``name`` is what DBOS remembers it by."""

    @functools.wraps(work)
    async def run() -> T:
        return await work(*given)

    found: T = await DBOS.run_step_async(StepOptions(name=name), run)
    return found


async def _pause(rails: Rails, attempt: int) -> float:
    settings = rails.office.settings
    return await _step("pause", _choose_pause, rails, attempt, settings.bank_look_s, settings.bank_longest_pause_s)


async def _choose_pause(rails: Rails, attempt: int, first_s: float, longest_s: float) -> float:
    return rules.pause_s(attempt, first_s, longest_s, rails.chance())


async def _now_ms(rails: Rails) -> int:
    return int(rails.office.now().timestamp() * 1000)
