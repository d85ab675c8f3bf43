"""The feature registry as ``docs/features.md``; a test compares the file with what is rendered here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from penstock.contracts.features import (
    EXTRAS,
    FEATURES,
    MOST_EXTRA,
    MOST_SIGNED,
    REGISTRY_VERSION,
    SLOTS,
    UNKNOWN,
    UNKNOWN_SIGNED,
    Entity,
    Feature,
)

_HEAD: Final = f"""\
# Features

What is known of a payment before it is decided: {SLOTS} numbers in half precision, in the row of each attempt
(`features`, with `feature_registry` {REGISTRY_VERSION}). The lane computes them while it decides; back-tests and training replay
history through the same kernel (`src/penstock/process/decide/features.py`), and `penstock features FILE` exports them. Models,
[rules](rules.md) and explanations read them by name. Tests compare the kernel with a slow reference in plain Python, name by name.

## How to read the table

- **An attempt** is a `pay` of a payer that is known and belongs to the caller, whatever becomes of it. Every measure of
  an entity is made of the attempts *before* this one and of labels that had arrived, never of this one or of a later.
- **Entities.** One template serves payer, payee, instrument, device, network, place and category; pairs tell what is new
  *for this payer*. What the caller does not say is unknown throughout, and never shared by those who say nothing. An entity that
  is named and has never been seen has counts, sums and shares of 0; its times and habits are unknown.
- **Unknown** is a value of its own: {UNKNOWN:g} where every true value is 0 or more, {UNKNOWN_SIGNED:g} where values have either sign; ratios and
  deviations are cut at ± {MOST_SIGNED:g}, extra numbers (up to {EXTRAS}, as the caller sends them) at ± {MOST_EXTRA:g}. There is neither NULL nor NaN.
- **log2(1 + x)** for counts, sums and times: half precision has three good digits, so 1 and 2 payments are as far apart as a
  million and two million. Kernels compute it by a table, right to 2/1024 (never above). Sums of money are in minor units of the
  payment's own currency, rounded down at each payment; a counter holds at most 2^38.
- **A half-life** of n hours means that an attempt n hours ago counts half, 2n hours ago a quarter. Forgetting goes by ticks of
  a 4,096th of the half-life, counted on the clock and not from the last payment, and by a table of whole-number factors: so memory
  is byte-identical on every CPU, and no touch of a counter makes it forget faster.
- **Usual amounts** are mean and standard deviation of log2(1 + amount) with the weights of a half-life, as of the entity's last
  attempt; 0.25 is added to the standard deviation, so that two equal amounts do not make the third infinitely odd. Above the weight of
  16,384 payments older ones weigh less. Times of the day are directions on the clock; the habit is their mean direction, and the
  distance 1 − cos of the angle (0 the usual time, 2 opposite). Quarters of an hour, local.
- **Speed** is the distance on a sphere made flat at the latitude between, over the time since the last place (at least a second), in whole km/h.
- **Money received** is what others attempted to pay to the payer's account.
- **Declined payments** are known from the next second on, so that a batch, which never holds two seconds, may be cut anywhere.
- **Ages** count from the second of the first payment, and from the second in which a label arrived.

## What becomes known of payments

A label (`label`, or a history's label at the time when it is known) reaches the very next attempt. A payment without one is known to be
**genuine at its maturity** (`label_maturity_s` of the policy; in a history `maturity` or the labels' delay). Each record keeps how many payments
wait, in eight steps of a seventh of the maturity: a payment becomes genuine when the eighth step after its own begins, so between one
maturity and a seventh more, and decays from then on. A step holds at most 32,767 payments of one entity.

- A fraud label takes the payment out of those that wait, or back from those known to be genuine; it counts from its arrival on.
- A revoked label puts the payment back to where its age says. What it had counted is taken off as one whole payment (never below 0),
  though it may have decayed meanwhile; the time of the last fraud label (`fraud_gap`) stays.
- The **run** of frauds ends when a payment becomes known to be genuine.
- A **share** is frauds ÷ (frauds + genuine + 1): the one keeps few payments from shouting.
- What a history calls *unlabelled* counts as an attempt, and never matures. A history without payees uses the place for the payee.

## Memory

| table | one record | bound |
| --- | --- | --- |
| payers | 28 words = 224 B, with the account | accounts |
| payees | 20 words = 160 B, with the account | accounts: together 384 B an account |
| instruments, devices, networks, places, categories | sets of 7 records of 17 words: 128 words = 1,024 B a set | `entities_max`, whatever callers invent |
| pairs of a payer with payee, device, network, place | sets of 4 records of 3 words: 16 words = 128 B a set | `pairs_max` |

Sets are found by a keyed hash. A new key takes a free place of its set, or that of the record used longest ago; which one depends on the
set alone, so replay drives out the same. What was driven out is new again when it comes back; each set counts how often that happened.
Every record (every set) carries the time of the last event that touched it: a checkpoint may copy pieces at different moments, and
replay skips what a piece has seen. Learning looks at all stamps before it changes anything, and what one record needs of another
(whether a partner was new) is in the event, as the row tells it.

## What a feature earns

`penstock features ablate FILE --mapping M --until T` grows the model on what was known at T and measures it on the payments since, with
all features, without each group (`--entities`: each entity), and with the group alone; every variant `--seeds` times, with as many trees
as validation gave the whole model. *Lift* is what is lost without the group: of the scores averaged over the seeds, with a 95 % interval
over payers drawn anew (both models on the same draws) and the standard deviation over the seeds. Only what is in bold is more than chance:
its interval leaves out 0, and it is more than twice the spread. Groups share what they know, so lifts do not add up, and a group
without lift may still be worth much alone. `penstock features FILE --mapping M --out X.parquet` writes all features by name, with `row`, `time`, `label`, `known`.

## The table

Rendered from `src/penstock/contracts/features.py`. Slots are never reused; a change of meaning is a new registry version.
`penstock features ablate` leaves out a group, or an entity, and shows what is lost.

| slot | name | definition | 中文 | unit | window | unknown | group |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
_OF: Final = {
    Entity.PAYER_PAYEE: ("of this payer to this payee", "付款人对该收款人"),
    Entity.PAYER_DEVICE: ("of this payer by this device", "付款人经该设备"),
    Entity.PAYER_NETWORK: ("of this payer from this network", "付款人自该网络"),
    Entity.PAYER_PLACE: ("of this payer at this place", "付款人在该地点"),
}


def render_features() -> str:
    """``docs/features.md``."""
    return _HEAD + "".join(_line(feature) for feature in FEATURES)


def _line(feature: Feature) -> str:
    term = feature.term
    en, zh = _OF.get(feature.entity, ("", ""))
    cells = (
        str(feature.slot), f"`{feature.name}`", f"{term.en} {en}".strip(), f"{zh}{term.zh}", term.unit,
        term.window or "–", f"{term.unknown:g}", feature.group.value,
    )  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "features.md").write_text(render_features(), "utf-8")
