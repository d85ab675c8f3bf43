"""A town whose payments are labelled: a small simulation with habits and three kinds of fraud, for tests of detection.

``labelled_history`` gives the columns that the code under test works on, ``write_labelled`` the same payments as a
file with its mapping. The history is built here row by row, without the reader: the two must agree.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from penstock.contracts.commands import PaymentType
from penstock.contracts.features import EXTRAS
from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, NO_PLACE, UNLABELLED, History

DAY_US: Final = 86_400_000_000
ZONE: Final = ZoneInfo("Asia/Shanghai")
START: Final = datetime(2025, 3, 3, tzinfo=ZONE)
CITIES: Final = ((31.2304, 121.4737), (39.9042, 116.4074), (23.1291, 113.2644), (30.5728, 104.0668))
CATEGORIES: Final = ("grocery", "fuel", "clothes", "travel", "electronics")
CHANNELS: Final = ("app", "web", "terminal")
#: The order of the words in the mapping, and so their numbers.
KINDS: Final = {"transfer": PaymentType.TRANSFER, "purchase": PaymentType.PURCHASE}
FRAUD_TYPES: Final = ("big_amount", "compromised_payee", "stolen_card")

MAPPING: Final = """\
[time]
column = "when"
zone = "Asia/Shanghai"

[payer]
column = "customer"

[payee]
column = "counterparty"

[instrument]
column = "card"

[device]
column = "phone"

[network]
column = "ip"

[place]
column = "terminal"
latitude = "lat"
longitude = "lon"

[channel]
column = "channel"
words = ["app", "web", "terminal"]

[type]
column = "kind"

[category]
column = "category"

[amount]
column = "amount"
unit = "major"

[outcome]
column = "status"
declined = ["declined"]

[label]
column = "fraud"
fraud = ["yes"]
genuine = ["no"]
unlabelled = ["open"]
known = "reported"
maturity_days = {maturity_days}

[fraud_type]
column = "scheme"
words = ["big_amount", "compromised_payee", "stolen_card"]

[intent]
column = "order"

[[extra]]
column = "items"
"""


@dataclass
class Shop:
    """A payee with a terminal, and the hours during which it leaks cards."""

    name: str
    terminal: str
    category: str
    latitude: float
    longitude: float
    dearness: float
    leaks_from_s: float = -1.0
    leaks_until_s: float = -1.0


@dataclass
class Person:
    """A payer with habits."""

    name: str
    cards: list[str]
    phones: list[str]
    addresses: list[str]
    amount: float
    hour: float
    weight: float
    shops: list[Shop] = field(default_factory=list)
    friends: list[str] = field(default_factory=list)


@dataclass
class Town:
    """Who lives and sells there."""

    people: list[Person]
    shops: list[Shop]


Row = dict[str, Any]


def labelled_rows(
    seed: int,
    payments: int = 5_000,
    *,
    days: int = 90,
    fraud_share: float = 0.03,
    unlabelled_share: float = 0.05,
    missing_share: float = 0.05,
    failed_share: float = 0.03,
    mean_label_delay_days: float = 4.0,
) -> list[Row]:
    """Simulate payments in the order of their time; each row has the columns of the file and ``at_s`` since START."""
    dice = random.Random(seed)
    town = _build(dice, payments, days)
    rows = _stolen_cards(dice, town, int(payments * fraud_share / 2), days)
    rows += _big_amounts(dice, town, int(payments * fraud_share / 4), days)
    weights = list(itertools.accumulate(person.weight for person in town.people))
    while len(rows) < payments:
        person = dice.choices(town.people, cum_weights=weights)[0]
        rows += _habitual(dice, person, _moment(dice, person, days), failed_share)[: payments - len(rows)]
    rows.sort(key=lambda row: row["at_s"])
    for row in rows:
        _tell(dice, row, unlabelled_share, mean_label_delay_days)
        _forget(dice, row, missing_share)
    return rows


def _build(dice: random.Random, payments: int, days: int) -> Town:
    shops = [_shop(dice, number) for number in range(max(12, payments // 80))]
    for shop in dice.sample(shops, max(2, len(shops) // 8)):
        shop.leaks_from_s = dice.uniform(0.05, 0.9) * days * 86_400
        shop.leaks_until_s = shop.leaks_from_s + dice.uniform(4, 14) * 86_400
    people = [_person(dice, number) for number in range(max(10, payments // 40))]
    for person in people:
        person.shops = dice.sample(shops, min(6, len(shops)))
        person.friends = [friend.name for friend in dice.sample(people, 3) if friend is not person]
    return Town(people, shops)


def _shop(dice: random.Random, number: int) -> Shop:
    latitude, longitude = dice.choice(CITIES)
    return Shop(
        f"shop-{number}", f"T{number:04d}", dice.choice(CATEGORIES),
        round(latitude + dice.gauss(0, 0.05), 4), round(longitude + dice.gauss(0, 0.05), 4), dice.lognormvariate(0, 0.6),
    )  # fmt: skip


def _person(dice: random.Random, number: int) -> Person:
    return Person(
        f"person-{number}",
        [f"card-{number}-{i}" for i in range(dice.choice((1, 1, 2)))],
        [f"phone-{number}-{i}" for i in range(dice.choice((1, 1, 1, 2)))],
        [f"10.{number // 250}.{number % 250}.{i}" for i in range(dice.choice((1, 2, 3)))],
        dice.lognormvariate(4.0, 0.8), dice.gauss(14, 4) % 24, dice.lognormvariate(0, 1),
    )  # fmt: skip


def _moment(dice: random.Random, person: Person, days: int) -> float:
    """A moment at about the person's hour, in seconds since START, to the millisecond."""
    hour = dice.gauss(person.hour, 2.5) % 24
    return round(dice.randrange(days) * 86_400 + hour * 3_600, 3)


def _pay_shop(dice: random.Random, person: Person, shop: Shop, at_s: float, amount: float) -> Row:
    return {
        "at_s": round(at_s, 3), "customer": person.name, "counterparty": shop.name, "card": dice.choice(person.cards),
        "phone": dice.choice(person.phones), "ip": dice.choice(person.addresses), "terminal": shop.terminal, "lat": shop.latitude, "lon": shop.longitude,
        "channel": dice.choice(CHANNELS), "kind": "purchase", "category": shop.category, "amount": round(max(amount, 0.01), 2),
        "status": "ok", "scheme": None, "order": None, "items": dice.randint(1, 9),
    }  # fmt: skip


def _pay_friend(dice: random.Random, person: Person, at_s: float, amount: float) -> Row:
    row = _pay_shop(dice, person, person.shops[0], at_s, amount)
    alone = {
        "counterparty": dice.choice(person.friends),
        "terminal": None,
        "lat": None,
        "lon": None,
        "category": None,
        "items": None,
    }
    return row | alone | {"kind": "transfer", "channel": "app"}


def _habitual(dice: random.Random, person: Person, at_s: float, failed_share: float) -> list[Row]:
    """One payment as usual; one that fails is tried again, and the two are one intent."""
    amount = person.amount * dice.lognormvariate(0, 0.5)
    if person.friends and dice.random() < 0.2:
        row = _pay_friend(dice, person, at_s, round(amount))
    else:
        shop = dice.choice(person.shops)
        row = _pay_shop(dice, person, shop, at_s, amount * shop.dearness)
        if shop.leaks_from_s <= at_s < shop.leaks_until_s and dice.random() < 0.6:
            row |= {"scheme": "compromised_payee"}
    if dice.random() >= failed_share:
        return [row]
    order = f"order-{person.name}-{at_s:.3f}"
    again = row | {"at_s": round(at_s + dice.uniform(5, 90), 3), "order": order}
    return [row | {"status": "declined", "order": order}, again]


def _stolen_cards(dice: random.Random, town: Town, wanted: int, days: int) -> list[Row]:
    """Runs of payments from a foreign phone, far away, dearer than usual, within an hour or two."""
    rows: list[Row] = []
    while len(rows) < wanted:
        person = dice.choice(town.people)
        at_s, phone, address = (
            dice.uniform(0, days * 86_400),
            f"phone-x{len(rows)}",
            f"172.16.{dice.randrange(8)}.{dice.randrange(250)}",
        )
        for _ in range(min(dice.randint(2, 7), wanted - len(rows))):
            at_s += dice.expovariate(1 / 900)
            shop = dice.choice(town.shops)
            row = _pay_shop(dice, person, shop, at_s, person.amount * shop.dearness * dice.lognormvariate(1.0, 0.6))
            rows.append(row | {"phone": phone, "ip": address, "channel": "web", "scheme": "stolen_card"})
    return rows


def _big_amounts(dice: random.Random, town: Town, wanted: int, days: int) -> list[Row]:
    """Single transfers of many times the usual amount to somebody new."""
    rows = []
    for _ in range(wanted):
        person = dice.choice(town.people)
        row = _pay_friend(dice, person, _moment(dice, person, days), 0) if person.friends else None
        if row is not None:
            amount = round(person.amount * dice.lognormvariate(2.7, 0.4), -1) + 10
            rows.append(row | {"amount": amount, "counterparty": dice.choice(town.people).name, "scheme": "big_amount"})
    return rows


def _tell(dice: random.Random, row: Row, unlabelled_share: float, mean_delay_days: float) -> None:
    """Label a row; who loses money says so after some days."""
    row["fraud"], row["reported_s"] = ("yes" if row["scheme"] else "no"), None
    if dice.random() < unlabelled_share:
        row |= {"fraud": "open", "scheme": None}
    elif row["fraud"] == "yes":
        row["reported_s"] = round(row["at_s"] + min(dice.expovariate(1 / mean_delay_days), 40.0) * 86_400 + 600, 3)


def _forget(dice: random.Random, row: Row, missing_share: float) -> None:
    for name in ("card", "phone", "ip", "terminal", "category", "channel"):
        if dice.random() < missing_share:
            row[name] = None


def labelled_history(seed: int, payments: int = 5_000, *, maturity_days: float = 14.0, **options: Any) -> History:
    """The history of a simulated town; ``options`` as of ``labelled_rows``. Same seed and options, same history."""
    return history_of(labelled_rows(seed, payments, **options), maturity_days)


def history_of(rows: list[Row], maturity_days: float = 14.0) -> History:
    """What the rows of ``labelled_rows`` say, in the canonical columns."""
    parties: dict[str, int] = {}
    seen: dict[str, dict[str, int]] = {name: {} for name in ("card", "phone", "ip", "terminal", "category", "order")}
    columns: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        values = _numbered(row, parties, seen) | _timed(row, round(maturity_days * DAY_US)) | _plain(row, place)
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    names = {"payer": list(parties), "payee": list(parties), "channel": list(CHANNELS), "fraud_type": list(FRAUD_TYPES)}
    names["payment_type"] = [kind.name.lower() for kind in PaymentType if kind]
    for column, name in (
        ("instrument", "card"),
        ("device", "phone"),
        ("network", "ip"),
        ("place", "terminal"),
        ("category", "category"),
    ):
        names[column] = list(seen[name])
    arrays = {name: _array(name, values) for name, values in columns.items()}
    return History(**arrays, maturity_us=round(maturity_days * DAY_US), names=names, extra_names=("items",))


def _numbered(row: Row, parties: dict[str, int], seen: dict[str, dict[str, int]]) -> Row:
    def number(text: str | None, book: dict[str, int]) -> int:
        return 0 if text is None else book.setdefault(text, len(book) + 1)

    payer = number(row["customer"], parties)
    entities = {name: number(row[text], seen[text]) for name, text in
                (("instrument", "card"), ("device", "phone"), ("network", "ip"), ("place", "terminal"), ("category", "category"))}  # fmt: skip
    orders = seen["order"]
    intent = number(row["order"] or f"alone {len(orders)}", orders)
    return {"payer": payer, "payee": number(row["counterparty"], parties), "intent": intent} | entities


def _timed(row: Row, maturity_us: int) -> Row:
    when = START + timedelta(milliseconds=round(row["at_s"] * 1_000))
    time_us = _micros(when)
    label = {"yes": FRAUD, "no": GENUINE, "open": UNLABELLED}[row["fraud"]]
    reported_us = _micros(START + timedelta(milliseconds=round(row["reported_s"] * 1_000))) if row["reported_s"] else 0
    known_us = {FRAUD: reported_us, GENUINE: time_us + maturity_us, UNLABELLED: NEVER_KNOWN}[label]
    second = when.hour * 3_600 + when.minute * 60 + when.second
    return {
        "time_us": time_us,
        "second_of_day": second,
        "weekday": when.weekday(),
        "label": label,
        "known_us": known_us,
    }


def _plain(row: Row, place: int) -> Row:
    words: Sequence[str] = CHANNELS
    here = row["lat"] is not None
    return {
        "row": place,
        "latitude_e4": round(row["lat"] * 10_000) if here else NO_PLACE,
        "longitude_e4": round(row["lon"] * 10_000) if here else NO_PLACE,
        "payment_type": int(KINDS[row["kind"]]),
        "channel": words.index(row["channel"]) + 1 if row["channel"] else 0,
        "amount_minor": round(row["amount"] * 100),
        "failed": row["status"] == "declined",
        "fraud_type": FRAUD_TYPES.index(row["scheme"]) + 1 if row["scheme"] else 0,
        "extras": [np.nan if row["items"] is None else float(row["items"])] + [np.nan] * (EXTRAS - 1),
    }


def _array(name: str, values: list[Any]) -> Any:
    kinds = {"extras": np.float32, "failed": np.bool_, "label": np.int8}
    return np.array(values, dtype=kinds.get(name, np.int64))


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def labelled_frame(rows: list[Row]) -> pl.DataFrame:
    """The rows as the file has them: local times as texts, amounts in yuan."""
    frame = pl.DataFrame(rows, infer_schema_length=None)

    def local(name: str) -> pl.Expr:
        moment = START.replace(tzinfo=None) + pl.duration(milliseconds=(pl.col(name) * 1_000).round().cast(pl.Int64))
        return moment.dt.strftime("%Y-%m-%d %H:%M:%S%.3f")

    times = frame.select(when=local("at_s"), reported=local("reported_s"))
    return pl.concat([times, frame.drop("at_s", "reported_s")], how="horizontal")


def write_labelled(
    folder: Path, seed: int, payments: int = 5_000, *, ending: str = "csv", maturity_days: float = 14.0, **options: Any
) -> tuple[Path, Path]:
    """Write the same payments as ``labelled_history`` as ``csv`` or ``parquet``, with their mapping; the two paths."""
    frame = labelled_frame(labelled_rows(seed, payments, **options))
    file, mapping = folder / f"labelled.{ending}", folder / "labelled.toml"
    if ending == "csv":
        frame.write_csv(file)
    else:
        frame.write_parquet(file)
    mapping.write_text(MAPPING.format(maturity_days=maturity_days), "utf-8")
    return file, mapping
