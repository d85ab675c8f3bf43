"""The features again, obvious and slow: floats, lists of all that happened, exact decay. The oracle of the kernel.

It shares no code with the kernel, and never forgets: whoever compares must see that no record was driven out.
Everything is computed anew for each payment from the lists, by the definitions of docs/features.md.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, NO_PLACE, History

HOUR, DAY, WEEK, MONTH = 3.6e9, 8.64e10, 6.048e11, 2.592e12
#: What the widest counter holds, in minor units: a greater amount counts as this.
MOST_COUNTED: Final = 2**38
ENTITIES: Final = ("instrument", "device", "network", "place", "category")


@dataclass(eq=False)
class Attempt:
    """One payment, as somebody would note it down. 0, None or -1 = not said."""

    time_us: int
    payer: int
    payee: int = 0
    instrument: int = 0
    device: int = 0
    network: int = 0
    place: int = 0
    category: int = 0
    amount: int = 100
    where: tuple[float, float] | None = None
    second_of_day: int = -1
    weekday: int = -1
    payment_type: int = 0
    channel: int = 0
    extras: tuple[float | None, ...] = (None, None, None, None)
    failed: bool = False
    waits: bool = True
    label: int | None = None  # the last that was told


@dataclass(eq=False)
class Told:
    """A label of an attempt: FRAUD, GENUINE, or None for one that is revoked."""

    time_us: int
    of: Attempt
    label: int | None


Step = Attempt | Told
Features = dict[str, float | None]
#: When something became known (µs), 0 for a maturity and 1 for a label, and what changed by how much.
Fact = tuple[int, int, list[tuple[str, float]]]


def steps_of(history: History) -> list[Step]:
    """What happened, in order: labels when they are known, before payments of the same instant."""
    attempts = [_attempt(history, i) for i in range(len(history))]
    told: list[Step] = []
    for i, attempt in enumerate(attempts):
        label, known = int(history.label[i]), int(history.known_us[i])
        early = label == GENUINE and known < attempt.time_us + history.maturity_us
        if attempt.payer and (early or (label == FRAUD and known < NEVER_KNOWN)):
            told.append(Told(max(known, attempt.time_us + 1), attempt, label))
    steps = sorted([*told, *attempts], key=lambda step: step.time_us)
    last = -1
    for step in steps:
        step.time_us = last = max(step.time_us, last + 1)
    return steps


def _attempt(history: History, i: int) -> Attempt:
    whole = {
        name: int(getattr(history, name)[i])
        for name in ("time_us", "payer", "payee", *ENTITIES, "second_of_day", "weekday", "payment_type", "channel")
    }
    latitude, longitude = int(history.latitude_e4[i]), int(history.longitude_e4[i])
    return Attempt(
        **whole,
        amount=int(history.amount_minor[i]),
        where=None if NO_PLACE in (latitude, longitude) else (latitude / 1e4, longitude / 1e4),
        extras=tuple(None if math.isnan(x) else float(x) for x in history.extras[i]),
        failed=bool(history.failed[i]),
        waits=int(history.label[i]) in (FRAUD, GENUINE),
    )


def reference(steps: list[Step], maturity_us: int) -> list[Features]:
    """The features of each attempt by name, None = unknown; attempts of nobody (payer 0) have none at all."""
    world = _World(maturity_us // 7)
    found: list[Features] = []
    for step in steps:
        if isinstance(step, Told):
            world.hear(step)
        elif step.payer:
            found.append(world.describe(step))
            world.remember(step)
        else:
            found.append({})
    return found


@dataclass
class _Past:
    """All that happened to one entity."""

    attempts: list[Attempt] = field(default_factory=list)
    new_partners: list[int] = field(default_factory=list)  # times
    told: list[tuple[Told, int | None]] = field(default_factory=list)  # with the label before


class _World:
    def __init__(self, eighth_us: int) -> None:
        self.eighth_us = eighth_us  # of which a payment waits until the eighth after its own begins
        self.pasts: dict[tuple[str, int], _Past] = defaultdict(_Past)
        self.pairs: dict[tuple[str, int, int], list[int]] = defaultdict(list)  # times
        self.labels: dict[Attempt, list[Told]] = defaultdict(list)
        self.received: dict[int, list[Attempt]] = defaultdict(list)

    def hear(self, told: Told) -> None:
        before = self.labels[told.of]
        was = before[-1].label if before else None
        before.append(told)
        for kind in ("payer", "payee", *ENTITIES):
            if getattr(told.of, kind):
                self.pasts[kind, getattr(told.of, kind)].told.append((told, was))

    def remember(self, attempt: Attempt) -> None:
        met = {kind: self._met(kind, attempt) for kind in ("payee", "device", "network", "place")}
        for kind in ("payer", "payee", *ENTITIES):
            number = getattr(attempt, kind)
            if number:
                past = self.pasts[kind, number]
                past.attempts.append(attempt)
                if met.get("payee" if kind == "payer" else kind) == "first":
                    past.new_partners.append(attempt.time_us)
        for kind in met:
            if getattr(attempt, kind):
                self.pairs[kind, attempt.payer, getattr(attempt, kind)].append(attempt.time_us)
        if attempt.payee:
            self.received[attempt.payee].append(attempt)

    def _met(self, kind: str, attempt: Attempt) -> str:
        number = getattr(attempt, kind)
        return "" if not number else "again" if self.pairs[kind, attempt.payer, number] else "first"

    def describe(self, attempt: Attempt) -> Features:
        found = {f"payment.{name}": value for name, value in _of_payment(attempt).items()}
        for kind in ("payer", "payee", *ENTITIES):
            if getattr(attempt, kind):
                for name, value in self._of_entity(self.pasts[kind, getattr(attempt, kind)], attempt).items():
                    found[f"{kind}.{name}"] = value
        for name, value in self._of_payer(attempt).items():
            found[f"payer.{name}"] = value
        for kind in ("payee", "device", "network", "place"):
            if getattr(attempt, kind):
                times = self.pairs[kind, attempt.payer, getattr(attempt, kind)]
                found[f"payer_{kind}.seen"] = math.log2(1 + len(times))
                found[f"payer_{kind}.gap"] = _since(times[-1], attempt.time_us) if times else None
        return found

    def _of_entity(self, past: _Past, attempt: Attempt) -> Features:
        now, attempts = attempt.time_us, past.attempts
        found: Features = {"seen": math.log2(1 + len(attempts)), "age": None, "gap": None}
        if attempts:
            found["age"] = _since(attempts[0].time_us // 1_000_000 * 1_000_000, now)
            found["gap"] = _since(attempts[-1].time_us, now)
        times = [each.time_us for each in attempts]
        for name, half_life in (("hour", HOUR), ("day", DAY), ("week", WEEK)):
            found[f"count_{name}"] = math.log2(1 + sum(_left(now - t, half_life) for t in times))
        for name, half_life in (("hour", HOUR), ("day", DAY)):
            found[f"sum_{name}"] = math.log2(1 + _money(attempts, now, half_life))
        found["partners"] = math.log2(1 + sum(_left(now - t, WEEK) for t in past.new_partners))
        return found | _amounts(attempts, attempt) | self._labels(past, now)

    def _of_payer(self, attempt: Attempt) -> Features:
        attempts, now = self.pasts["payer", attempt.payer].attempts, attempt.time_us
        seconds = [each.time_us // 1_000_000 for each in attempts if each.failed]
        failed = sum(_left((now // 1_000_000 - s) * 1e6, DAY) for s in seconds if s < now // 1_000_000)
        found: Features = {
            "hour_habit": _hour_habit(attempts, attempt),
            "switches": math.log2(1 + _switches(attempts, now)),
            "speed": _speed(attempts, attempt),
            "failed": math.log2(1 + failed),
            "received_ratio": None,
            "received_gap": None,
        }
        received = self.received[attempt.payer]
        if received:
            money = _money(received, now, DAY)
            found["received_ratio"] = _cut(math.log2(1 + attempt.amount) - math.log2(1 + money))
            found["received_gap"] = _since(received[-1].time_us, now)
        return found

    # --- what is known of payments

    def _ripe_us(self, attempt: Attempt) -> int:
        """When a payment without a label is known to be genuine."""
        return (attempt.time_us // self.eighth_us + 8) * self.eighth_us

    def _label_before(self, attempt: Attempt, time_us: int) -> int | None:
        told = [each for each in self.labels[attempt] if each.time_us < time_us]
        return told[-1].label if told else None

    def _labels(self, past: _Past, now: int) -> Features:
        facts = sorted(self._facts(past, now), key=lambda fact: fact[:2])
        genuine, fraud = _known(facts, now, MONTH)
        week_genuine, week_fraud = _known(facts, now, WEEK)
        run, fraud_us = 0.0, None
        for time_us, _, what in facts:
            for name, change in what:
                run = 0.0 if name == "trust" else max(run + change, 0.0) if name == "fraud" else run
                fraud_us = time_us if name == "fraud" and change > 0 else fraud_us
        ever_fraud, ever_genuine = self._ever(past, now)
        return {
            "genuine": math.log2(1 + genuine),
            "fraud_share": fraud / (fraud + genuine + 1),
            "fraud_share_week": week_fraud / (week_fraud + week_genuine + 1),
            "fraud_share_ever": ever_fraud / (ever_fraud + ever_genuine + 1),
            "fraud_gap": None if fraud_us is None else _since(fraud_us // 1_000_000 * 1_000_000, now),
            "fraud_run": math.log2(1 + run),
        }

    def _ever(self, past: _Past, now: int) -> tuple[int, int]:
        """How many payments are known to be fraud, and genuine."""
        payments = {id(each): each for each in [*past.attempts, *(told.of for told, _ in past.told)]}.values()
        labels = [(each, self._label_before(each, now + 1)) for each in payments]
        fraud = sum(label == FRAUD for _, label in labels)
        ripe = sum(label is None and each.waits and self._ripe_us(each) <= now for each, label in labels)
        return fraud, ripe + sum(label == GENUINE for _, label in labels)

    def _facts(self, past: _Past, now: int) -> list[Fact]:
        """What became known and when: (µs, 0 for maturities and 1 for labels, changes)."""
        facts: list[Fact] = []
        for each in past.attempts:
            ripe_us = self._ripe_us(each)
            if each.waits and ripe_us <= now and self._label_before(each, ripe_us) is None:
                facts.append((ripe_us, 0, [("genuine", 1.0), ("trust", 0.0)]))
        for told, was in past.told:
            taken_back, given = self._change(told, was, -1.0), self._change(told, told.label, 1.0)
            facts.append((told.time_us, 1, taken_back + given))
        return facts

    def _change(self, told: Told, label: int | None, sign: float) -> list[tuple[str, float]]:
        if label == FRAUD:
            return [("fraud", sign)]
        if label == GENUINE:
            return [("genuine", sign), *([("trust", 0.0)] if sign > 0 else [])]
        age_us = told.time_us - self._ripe_us(told.of)
        return [(f"ripe {age_us}", sign)] if age_us >= 0 else []


def _known(facts: list[Fact], now: int, half_life: float) -> tuple[float, float]:
    """What is left of the payments known to be genuine and fraud; what is taken back never goes below 0."""
    genuine = fraud = 0.0
    last_us = 0
    for time_us, _, what in facts:
        genuine *= _left(time_us - last_us, half_life)
        fraud *= _left(time_us - last_us, half_life)
        last_us = time_us
        for name, change in what:
            if name == "fraud":
                fraud = max(fraud + change, 0.0)
            elif name == "genuine":
                genuine = max(genuine + change, 0.0)
            elif name.startswith("ripe"):
                genuine = max(genuine + change * _left(float(name.removeprefix("ripe ")), half_life), 0.0)
    return genuine * _left(now - last_us, half_life), fraud * _left(now - last_us, half_life)


def _left(span_us: float, half_life_us: float) -> float:
    return 0.5 ** (span_us / half_life_us)


def _money(attempts: list[Attempt], now: int, half_life: float) -> float:
    total, last_us = 0.0, 0
    for each in attempts:
        total = total * _left(each.time_us - last_us, half_life) + min(each.amount, MOST_COUNTED)
        total, last_us = min(total, MOST_COUNTED), each.time_us
    return total * _left(now - last_us, half_life)


def _since(then_us: int, now_us: int) -> float:
    return math.log2(1 + (now_us - then_us) / 1e6)


def _cut(value: float) -> float:
    return max(-16.0, min(16.0, value))


def _of_payment(attempt: Attempt) -> Features:
    zeros = len(str(attempt.amount)) - len(str(attempt.amount).rstrip("0")) if attempt.amount else 0
    found: Features = {
        "amount": math.log2(1 + attempt.amount),
        "roundness": float(zeros),
        "hour": None if attempt.second_of_day < 0 else attempt.second_of_day // 900 / 4,
        "weekday": None if attempt.weekday < 0 else float(attempt.weekday),
        "type": float(attempt.payment_type) or None,
        "channel": float(attempt.channel) or None,
    }
    for number, extra in enumerate(attempt.extras, 1):
        large = None if extra is None else math.copysign(math.log2(1 + abs(extra)), extra)
        found[f"extra_{number}"] = None if large is None else max(-31.0, min(31.0, large))
    return found


def _amounts(attempts: list[Attempt], attempt: Attempt) -> Features:
    if not attempts:
        return {"amount_ratio": None, "amount_z": None}
    weights = [_left(attempts[-1].time_us - each.time_us, MONTH) for each in attempts]
    logs = [math.log2(1 + each.amount) for each in attempts]
    mean = sum(w * x for w, x in zip(weights, logs, strict=True)) / sum(weights)
    spread = math.sqrt(sum(w * (x - mean) ** 2 for w, x in zip(weights, logs, strict=True)) / sum(weights))
    ratio = math.log2(1 + attempt.amount) - mean
    return {"amount_ratio": _cut(ratio), "amount_z": _cut(ratio / (spread + 0.25))}


def _hour_habit(attempts: list[Attempt], attempt: Attempt) -> float | None:
    def angle(each: Attempt) -> float:
        return 2 * math.pi * (each.second_of_day // 900) / 96

    timed = [(each, _left(attempts[-1].time_us - each.time_us, MONTH)) for each in attempts if each.second_of_day >= 0]
    east = sum(weight * math.cos(angle(each)) for each, weight in timed)
    north = sum(weight * math.sin(angle(each)) for each, weight in timed)
    if attempt.second_of_day < 0 or math.hypot(east, north) < 1 / 1024:
        return None
    return 1 - math.cos(angle(attempt) - math.atan2(north, east))


def _switches(attempts: list[Attempt], now: int) -> float:
    total = 0.0
    for kind in ("device", "network"):
        used = [each for each in attempts if getattr(each, kind)]
        for before, each in itertools.pairwise(used):
            if getattr(before, kind) != getattr(each, kind):
                total += _left(now - each.time_us, DAY)
    return total


def _speed(attempts: list[Attempt], attempt: Attempt) -> float | None:
    located = [each for each in attempts if each.where is not None]
    if attempt.where is None or not located or located[-1].where is None:
        return None
    (here_north, here_east), (north, east) = attempt.where, located[-1].where
    middle = math.floor(abs(here_north + north) / 2)
    across = min(abs(here_east - east), 360 - abs(here_east - east)) * math.cos(math.radians(middle))
    kilometres = 111.195 * math.hypot(here_north - north, across)
    hours = max(attempt.time_us - located[-1].time_us, 1_000_000) / HOUR
    return math.log2(1 + math.floor(kilometres / hours))


def names_of(found: list[Features]) -> set[str]:
    """Every name that had a value at least once."""
    return {name for each in found for name, value in each.items() if value is not None}

