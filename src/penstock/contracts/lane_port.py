"""The lane as the edge's routes see it, and the layouts of its answers to queries.

An answer's payload is an array of little-endian int64; the tuples here name its places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import COMMAND, REPLY, Operation, PaymentType, Query
from penstock.contracts.money import CURRENCIES
from penstock.kit.http.problem import Problem

#: Upper bounds in ms of the lane's histogram of commit times; the last bucket has none.
COMMIT_BOUNDS_MS: Final = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987)


#: The stages of a batch whose time the lane adds up. All but the last are its own work, one after another; the commit
#: (digest, COPY, fsync) happens beside them, in a thread of its own.
STAGES: Final = ("admit", "features", "score", "post", "reply", "commit")


class Reply(NamedTuple):
    """One ``REPLY`` record, in its order."""

    token: int
    seq: int
    as_of_seq: int
    time_us: int
    ref_seq: int
    payer_account: int
    payee_account: int
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    expires_us: int
    left_minor: int
    score: float
    model_version: int
    customer: int
    payload_bytes: int
    kind: int
    status: int
    state: int
    reason: int
    payment_type: int
    currency: int
    flags: int


assert Reply._fields == REPLY.names


class Told(Protocol):
    """Who is told what became of a command: one of the two is called, once, and raises nothing."""

    def hear(self, reply: Reply, payload: bytes) -> None:
        """The lane's reply, and the payload that came with it."""
        ...

    def fail(self, problem: Problem) -> None:
        """There is none: 429 or 503, see ``Lane``."""
        ...


class Lane(Protocol):
    """What routes ask of the lane; every call may raise ``Problem`` 429 (full) or 503 (away, unknown outcome)."""

    async def ask(self, command: bytes, payload: bytes = b"") -> tuple[Reply, bytes]:
        """Send one ``COMMAND`` record (its token is set here) and wait for its reply and the reply's payload."""
        ...

    def ask_then(self, command: bytes, payload: bytes, told: Told) -> None:
        """Send one ``COMMAND`` record as ``ask`` does; ``told`` is called when the reply comes, or none can come."""
        ...

    async def ask_many(self, commands: NDArray[Any], payloads: Sequence[bytes] | None) -> NDArray[Any]:
        """Send ``COMMAND`` records (their tokens are set here, in place) and wait for all ``REPLY`` records, in their order."""
        ...

    def let_in_batch(self) -> None:
        """Return if ``ask_many`` would take a batch now: a busy lane's batches are refused before they are read."""
        ...


def query(kind: Query, client: int, ref_seq: int, *, operates: bool = False) -> bytes:
    """The ``COMMAND`` record of a query for what belongs to ``client``, or, for who operates, to anybody."""
    record = np.zeros(1, dtype=COMMAND)
    record["kind"], record["client"], record["ref_seq"], record["flags"] = kind, client, ref_seq, int(operates)
    return record.tobytes()


class AccountAnswer(NamedTuple):
    """The answer to ``Query.ACCOUNT``."""

    available_minor: int
    held_minor: int
    last_seq: int
    customer: int
    purse: int
    currency_slot: int
    kind: int
    opened_seq: int
    open_holds: int
    debit_from_us: int  # nothing may leave from here …
    debit_until_us: int  # … to here; 0 = no freeze, NEVER_US = no end
    credit_from_us: int
    credit_until_us: int
    frozen_minor: int  # so much of the available balance may not leave
    frozen_from_us: int
    frozen_until_us: int


class PaymentAnswer(NamedTuple):
    """The answer to ``Query.PAYMENT``.

    Without an open hold only ``last_seq`` (0 = not in memory), ``state``, ``left_minor`` and the label are meant.
    """

    open: int
    last_seq: int
    state: int
    cleared_minor: int
    released_minor: int
    fee_taken_minor: int
    remaining_minor: int
    expires_us: int
    left_minor: int
    label: int  # an option, 0 = none was ever given
    label_seq: int  # the row that gave it


class Used(NamedTuple):
    """What a purse has used of one payment type's limits, in the windows of now."""

    day_amount: int
    day_count: int
    month_amount: int
    month_count: int
    year_amount: int
    year_count: int


class PurseAnswer(NamedTuple):
    """One purse: the counters of all a customer's accounts in one currency, by payment type."""

    currency_slot: int
    day: int
    used: dict[PaymentType, Used]


class OwnLimit(NamedTuple):
    """A limit of one customer that stands in for the tier's."""

    currency_slot: int
    payment_type: int
    field: int  # of ``policy.LIMIT_FIELDS``
    value: int
    until_us: int


class CustomerAnswer(NamedTuple):
    """The answer to ``Query.CUSTOMER``."""

    tier: int
    client: int
    opened_seq: int
    accounts: int
    purses: tuple[PurseAnswer, ...]
    own_limits: tuple[OwnLimit, ...]


class Totals(NamedTuple):
    """What the lane has counted of one currency since its first row, in minor units."""

    held: int
    cleared: int
    deposited: int
    withdrawn: int
    fees: int
    given_back: int


class Counters(NamedTuple):
    """The head of the answer to ``Query.STATUS``."""

    lane: int
    epoch: int
    last_seq: int
    time_us: int
    accounts: int
    customers: int
    purses: int
    open_holds: int
    batches: int
    commands: int
    rows: int
    replays: int
    refused: int
    ring_depth_last: int
    batch_rows_last: int
    commit_us_last: int
    checkpoint_seq: int
    checkpoint_time_us: int
    start_time_us: int
    policy_version: int
    ids_in_memory: int
    evicted: int


class StatusAnswer(NamedTuple):
    """The answer to ``Query.STATUS``."""

    counters: Counters
    commit_times: tuple[int, ...]
    totals: dict[str, Totals]
    reasons: dict[int, int]
    stages_ns: dict[str, int]
    policy_seq: int


def _numbers(payload: bytes) -> list[int]:
    numbers: list[int] = np.frombuffer(payload, dtype="<i8").tolist()
    return numbers


def account_answer(payload: bytes) -> AccountAnswer:
    """Read the answer to ``Query.ACCOUNT``."""
    return AccountAnswer._make(_numbers(payload)[: len(AccountAnswer._fields)])


def payment_answer(payload: bytes) -> PaymentAnswer:
    """Read the answer to ``Query.PAYMENT``."""
    return PaymentAnswer._make(_numbers(payload)[: len(PaymentAnswer._fields)])


def customer_answer(payload: bytes) -> CustomerAnswer:
    """Read the answer to ``Query.CUSTOMER``."""
    numbers = _numbers(payload)
    tier, client, opened_seq, accounts, count = numbers[:5]
    width = 2 + len(PaymentType) * len(Used._fields)
    end = 5 + count * width
    purses = tuple(_purse(numbers[start : start + width]) for start in range(5, end, width))
    step = len(OwnLimit._fields)
    own = tuple(OwnLimit._make(numbers[start : start + step]) for start in range(end, len(numbers), step))
    return CustomerAnswer(tier, client, opened_seq, accounts, purses, own)


def _purse(numbers: list[int]) -> PurseAnswer:
    step = len(Used._fields)
    used = {kind: Used._make(numbers[2 + kind * step : 2 + (kind + 1) * step]) for kind in PaymentType}
    return PurseAnswer(numbers[0], numbers[1], used)


def approvals_answer(payload: bytes) -> dict[Operation, int]:
    """Read the answer to ``Query.APPROVALS``: how many approvers each operation needs."""
    return dict(zip(Operation, _numbers(payload), strict=True))


class ModelAnswer(NamedTuple):
    """The answer to ``Query.MODEL``."""

    version: int  # of the model in force, 0 = none is
    seq: int  # the row that put it in force, or withdrew the one before; 0 = there has never been one


def model_answer(payload: bytes) -> ModelAnswer:
    """Read the answer to ``Query.MODEL``."""
    return ModelAnswer._make(_numbers(payload))


def status_answer(payload: bytes) -> StatusAnswer:
    """Read the answer to ``Query.STATUS``."""
    numbers = _numbers(payload)
    place = len(Counters._fields)
    times_end = place + len(COMMIT_BOUNDS_MS) + 1
    step = len(Totals._fields)
    totals = {
        currency.code: Totals._make(numbers[times_end + currency.slot * step : times_end + (currency.slot + 1) * step])
        for currency in CURRENCIES
    }
    totals_end = times_end + len(CURRENCIES) * step
    pairs_end = totals_end + 1 + 2 * numbers[totals_end]
    pairs = numbers[totals_end + 1 : pairs_end]
    reasons = dict(zip(pairs[::2], pairs[1::2], strict=True))
    stages = dict(zip(STAGES, numbers[pairs_end : pairs_end + len(STAGES)], strict=True))
    counters, commit_times = Counters._make(numbers[:place]), tuple(numbers[place:times_end])
    return StatusAnswer(counters, commit_times, totals, reasons, stages, numbers[-1])
