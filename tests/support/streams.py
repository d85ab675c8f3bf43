"""Random streams of attempts and labels, and the memory and events to run them through the kernel."""

from __future__ import annotations

import hashlib
import math
import random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Option
from penstock.contracts.features import SLOTS
from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.process.decide.features import make_scratch, observe_events
from penstock.state import layout as at
from penstock.state.behaviour.events import ATTEMPT, EVENT, LABEL
from penstock.state.tables import Capacity, State, reserve
from support.reference_features import Attempt, Step, Told

#: 2026-03-01 00:00 UTC
START_US: Final = 1_772_323_200_000_000
MATURITY_US: Final = 7 * 86_400_000_000
#: The tables that behaviour is made of.
BEHAVIOUR: Final = ("payers", "payees", "entities", "pairs")
_OPTIONS: Final = {FRAUD: Option.LABEL_FRAUD, GENUINE: Option.LABEL_GENUINE, None: Option.LABEL_NONE}
_ENTITIES: Final = ("payer", "payee", "instrument", "device", "network", "place", "category")


def memory(*, accounts: int = 40, entities: int = 2_000, pairs: int = 2_000, maturity_us: int = MATURITY_US) -> State:
    """An empty memory, so wide that a short stream drives nothing out unless it is asked to."""
    capacity = Capacity(
        customers=1, accounts=accounts, holds=1, partition_rows=16, own_limits=16, entities=entities, pairs=pairs, labels=16,
    )  # fmt: skip
    return reserve(capacity, 0x5EED, maturity_us)


def observe_steps(state: State, steps: list[Step]) -> tuple[NDArray[np.float32], NDArray[np.void]]:
    """Run steps through the lane's kernel: the vectors (attempts, 64), and the events (steps,) with what was new."""
    events = events_of_steps(steps)
    return observe_events_alone(state, events)[events["kind"] == ATTEMPT], events


def observe_events_alone(state: State, events: NDArray[np.void]) -> NDArray[np.float32]:
    """The vectors (n, 64) of events (n,), zero for those that have none."""
    vectors = np.zeros((len(events), SLOTS), np.float32)
    observe_events(state, events, make_scratch(), vectors)
    return vectors


def events_of_steps(steps: list[Step]) -> NDArray[np.void]:
    """Steps as the kernel takes them."""
    events = np.zeros(len(steps), EVENT)
    labels: dict[Attempt, int | None] = {}
    for event, step in zip(events, steps, strict=True):
        attempt = step.of if isinstance(step, Told) else step
        for name in _ENTITIES:
            event[name] = getattr(attempt, name)
        event["time_us"] = step.time_us
        if isinstance(step, Told):
            event["kind"], event["paid_us"] = LABEL, attempt.time_us
            event["option"] = _OPTIONS[step.label]
            event["was"] = _OPTIONS[labels[attempt]] if attempt in labels else 0
            labels[attempt] = step.label
        else:
            _fill_attempt(event, step)
    return events


def _fill_attempt(event: Any, attempt: Attempt) -> None:
    event["kind"], event["amount_minor"], event["waits"] = ATTEMPT, attempt.amount, attempt.waits
    event["quarter"] = attempt.second_of_day // 900 if attempt.second_of_day >= 0 else -1
    event["weekday"], event["failed"] = attempt.weekday, attempt.failed
    event["payment_type"], event["channel"] = attempt.payment_type, attempt.channel
    if attempt.where is not None:
        event["located"] = 1
        event["latitude_e4"], event["longitude_e4"] = (round(degrees * 10_000) for degrees in attempt.where)
    for number, extra in enumerate(attempt.extras, 1):
        if extra is not None:
            event[f"extra_{number}"] = round(math.copysign(math.log2(1 + abs(extra)), extra) * 65_536)
            event["extras_given"] |= 1 << (number - 1)


def random_steps(seed: int, count: int, *, told_share: float = 0.4) -> list[Step]:
    """A stream in which everything happens: bursts, gaps of weeks, missing things, labels early, late and changed."""
    dice = random.Random(seed)
    now, steps, attempts = START_US + dice.randrange(86_400_000_000), list[Step](), list[Attempt]()
    while len(steps) < count:
        now += _pause(dice)
        if attempts and dice.random() < told_share:
            step = _tell(dice, now, attempts)
            steps += [step] if step is not None else []
        else:
            attempts.append(random_attempt(dice, now))
            steps.append(attempts[-1])
    return steps


def _pause(dice: random.Random) -> int:
    """1 µs, a moment, minutes, hours, or weeks."""
    kind = dice.random()
    if kind < 0.2:
        return 1
    spans = (1e6, 6e7, 7.2e9, 2e10, 3e12)
    return 1 + int(dice.expovariate(1) * spans[dice.choices(range(5), (20, 20, 30, 28, 2))[0]])


def random_attempt(dice: random.Random, now: int) -> Attempt:
    """A payment among a few parties, with gaps in what is said of it."""

    def some(most: int) -> int:
        return 0 if dice.random() < 0.15 else dice.randint(1, most)

    where = (round(dice.gauss(31, 0.2), 4), round(dice.gauss(121, 0.2), 4))
    return Attempt(
        now, dice.randint(1, 5), some(6), some(4), some(4), some(3), some(4), some(2),
        amount=dice.choice((0, 1, 100, 1_000, dice.randint(1, 10**6), int(dice.lognormvariate(9, 1)))),
        where=where if dice.random() < 0.6 else None,
        second_of_day=dice.randrange(86_400) if dice.random() < 0.9 else -1, weekday=dice.randrange(-1, 7),
        payment_type=some(3), channel=some(8),
        extras=tuple(dice.gauss(0, 100) if dice.random() < 0.5 else None for _ in range(4)),
        failed=dice.random() < 0.2, waits=dice.random() < 0.95,
    )  # fmt: skip


def _tell(dice: random.Random, now: int, attempts: list[Attempt]) -> Told | None:
    """A label of a recent payment, or of any; another than it has. What never waits gets none."""
    attempt = dice.choice(attempts[-6:] if dice.random() < 0.6 else attempts)
    label = dice.choices((FRAUD, GENUINE, None), (5, 3, 2))[0]
    if not attempt.waits or attempt.label == label:
        return None
    attempt.label = label
    return Told(now, attempt, label)


def image(state: State) -> dict[str, bytes]:
    """The bytes of what is remembered of behaviour."""
    return {name: getattr(state, name).tobytes() for name in BEHAVIOUR}


def evictions(state: State) -> int:
    """How many records were driven out."""
    return int(state.entities[:, at.SET_EVICTIONS].sum() + state.pairs[:, at.PAIR_EVICTIONS].sum())


def digest_of_a_stream() -> str:
    """SHA-256 of the vectors and of the memory that a stream makes, to compare ways of running the kernel."""
    state = memory()
    vectors, _ = observe_steps(state, random_steps(9, 150))
    return hashlib.sha256(vectors.tobytes() + b"".join(image(state).values())).hexdigest()
