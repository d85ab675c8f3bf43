"""`kill -9` of anything under load: what was acknowledged stands, what was not gets one true outcome.

The seed is printed; PENSTOCK_CHAOS_SEED replays its choices, PENSTOCK_CHAOS_MINUTES is how long the long run takes.
"""

from __future__ import annotations

import json
import os
import random
import time

import pytest
from support import breaking
from support.bank import Bank
from support.breaking import Deed, say
from support.installation import Installation
from support.load import Load

DEEDS: tuple[Deed, ...] = (
    breaking.kill_edge,
    breaking.kill_lane,
    breaking.kill_postmaster,
    breaking.kill_backend,
    breaking.kill_lane_and_tear_checkpoint,
)
#: Commands that must have been answered after a deed before the next one.
PROGRESS = 60


def choose_seed() -> int:
    """The seed of this run, printed."""
    seed = int(os.environ.get("PENSTOCK_CHAOS_SEED") or random.SystemRandom().randrange(10**9))
    say(f"\nPENSTOCK_CHAOS_SEED={seed}")
    return seed


def test_three_deaths_and_a_torn_checkpoint(installation: Installation, bank: Bank) -> None:
    seed = choose_seed()
    chance = random.Random(seed)
    database = chance.choice((breaking.kill_postmaster, breaking.kill_backend))
    deeds = [breaking.kill_edge, database, breaking.kill_lane_and_tear_checkpoint]
    chance.shuffle(deeds)
    load = Load(bank)
    with load.running(seed):
        for deed in deeds:
            break_once(installation, load, deed, chance)
    check(installation, load)


@pytest.mark.chaos
@pytest.mark.timeout(0)
def test_deaths_for_many_minutes(installation: Installation, bank: Bank) -> None:
    seed = choose_seed()
    chance = random.Random(seed)
    ends = time.monotonic() + 60 * float(os.environ.get("PENSTOCK_CHAOS_MINUTES") or 10)
    while time.monotonic() < ends:
        load = Load(bank)  # new accounts for each round, so that a round can be checked by itself
        with load.running(chance.randrange(10**9)):
            for _ in range(6):
                break_once(installation, load, chance.choice(DEEDS), chance)
        check(installation, load)
        say(f"{load.answered} commands have one outcome each; {max(ends - time.monotonic(), 0):.0f} s left")


def break_once(installation: Installation, load: Load, deed: Deed, chance: random.Random) -> None:
    """Break something at a random moment of running load, and wait until the load goes on."""
    before = load.answered
    installation.wait(lambda: load.answered > before + PROGRESS)
    time.sleep(chance.uniform(0.0, 1.0))
    rejected = installation.log.count("checkpoint rejected")
    told = deed(installation, chance)
    say(f"after {load.answered} commands: killed {told}")
    after = load.answered
    installation.wait(lambda: load.answered > after + PROGRESS)
    if deed is breaking.kill_lane_and_tear_checkpoint:
        assert installation.log.count("checkpoint rejected") > rejected, f"{told} was not noticed"


def check(installation: Installation, load: Load) -> None:
    """Everything that must be so once the load has stopped."""
    load.check()
    verified = installation.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)["ok"] is True
    seen = breaking.epochs(installation)
    assert seen == sorted(seen)
