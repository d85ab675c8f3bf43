"""Play live traffic by a schedule: a slow answer does not slow the next request down, so stalls show."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from penstock.app.demo import scenes
from penstock.app.demo.examples import Example
from penstock.app.demo.scenes import Scene, Stage

#: Scenes by how often they are played, in per mille; the rest are refusals.
_MIX: Final[tuple[tuple[int, Scene], ...]] = (
    (360, scenes.transfer),
    (280, scenes.purchase),
    (25, scenes.buy_and_bring_back),
    (10, scenes.pay_for_tomorrow),
    (5, scenes.freeze_and_try),
    (60, scenes.bill),
    (60, scenes.hold_and_clear),
    (25, scenes.hold_and_clear_partly),
    (20, scenes.hold_and_release),
    (20, scenes.hold_and_cancel),
    (10, scenes.hold_and_forget),
    (20, scenes.deposit),
    (10, scenes.top_up),
    (15, scenes.withdraw),
    (10, scenes.withdraw_to_bank),
)
_REFUSALS: Final = 70
#: More scenes at once than this are left out, and counted.
_MOST_AT_ONCE: Final = 600
#: How long scenes that run may take to end when the demonstration is over; then they are broken off.
_ENDING_S: Final = 15.0


async def play(stage: Stage, mistakes: Sequence[Example], rate: float, stop: asyncio.Event) -> None:
    """Start ``rate`` scenes a second until ``stop`` is set, then let those that run end.

    :param mistakes: requests that are refused, played among the others.
    """
    running: set[asyncio.Task[None]] = set()
    start_s, number = stage.clock_s(), 0
    while not stop.is_set():
        due_s = start_s + number / rate
        if (pause_s := due_s - stage.clock_s()) > 0:
            await asyncio.sleep(pause_s)
        number += 1
        if len(running) >= _MOST_AT_ONCE:
            stage.figures.shed += 1
            continue
        task = asyncio.create_task(_one(stage, mistakes, due_s))
        running.add(task)
        task.add_done_callback(running.discard)
    if running:
        _, late = await asyncio.wait(running, timeout=_ENDING_S)
        stage.figures.shed += len(late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _one(stage: Stage, mistakes: Sequence[Example], due_s: float) -> None:
    try:
        if stage.chance.randrange(1000) < _REFUSALS:
            await _make_mistake(stage, stage.chance.choice(mistakes), due_s)
        else:
            await _choose(stage.chance)(stage, due_s)
    except Exception as error:  # noqa: BLE001 - counted and shown; the traffic goes on
        stage.figures.surprised(f"{type(error).__name__}: {error}")


async def _make_mistake(stage: Stage, example: Example, due_s: float) -> None:
    body = {"id": stage.new_id(example.id_offset_s), **example.body}
    expected = {example.reason, "ok"} if example.may_succeed else {example.reason}
    await stage.send(example.command, example.path, body, frozenset(expected), due_s)


def _choose(chance: random.Random) -> Scene:
    return chance.choices([scene for _, scene in _MIX], [weight for weight, _ in _MIX])[0]
