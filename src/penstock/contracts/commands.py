"""Commands: what can be asked of a lane, and the fixed-width records that carry question and answer.

The edge writes one ``COMMAND`` record per instruction into a ring in shared memory, with the free
text of the command, if any, as payload bytes beside it; the lane answers with one ``REPLY`` record.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np


class Kind(IntEnum):
    """The kinds of command, as numbered in the journal. Numbers are never reused."""

    OPEN_CUSTOMER = 1
    OPEN_ACCOUNT = 2
    DEPOSIT = 3
    WITHDRAW = 4
    PAY = 5
    CLEAR = 6
    RELEASE = 7
    CANCEL = 8
    EXPIRE = 9  # made by the lane itself
    PUBLISH = 10  # a new policy; made by the lane when it starts with a changed one


class Query(IntEnum):
    """Questions that leave no row. They are numbered apart from the commands."""

    ACCOUNT = 101
    CUSTOMER = 102
    PAYMENT = 103
    STATUS = 104


class PaymentType(IntEnum):
    """What a payment is for; limits and fees are set per type. ``ANY`` is the sum over all types."""

    ANY = 0
    TRANSFER = 1
    PURCHASE = 2
    BILL = 3
    WITHDRAWAL = 4


class Flag(IntFlag):
    """Options of a command."""

    HOLD_ONLY = 1  # pay: authorise now, clear later
    RELEASE_REST = 2  # clear: give back what is not cleared


class Status(IntEnum):
    """How the lane treated a command. Only ``DONE`` and ``REPLAYED`` have a journal row."""

    DONE = 1  # a row was written: state and reason say what it decided
    REPLAYED = 2  # same id, same content: `seq` is the row of the first time
    REFUSED = 3  # nothing was done and nothing was recorded: `reason` says why
    ANSWERED = 4  # a query: the answer is in the payload


COMMAND: Final = np.dtype(
    [
        ("token", "i8"),  # of the edge; comes back in the reply
        ("id_hi", "i8"),  # the caller's UUIDv7, as two signed halves
        ("id_lo", "i8"),
        ("payer_account", "i8"),  # account index, 0 = none
        ("payee_account", "i8"),
        ("amount_minor", "i8"),  # 0 for clear and release = all that is held
        ("ref_seq", "i8"),  # sequence of the payment's first row; queries: what is asked for
        ("lifetime_us", "i8"),  # of a hold, 0 = the policy's default
        ("client", "i4"),  # the API client that sends it
        ("customer", "i4"),  # open_account: whose
        ("payload_bytes", "i4"),  # length of the side record's text
        ("kind", "i2"),
        ("payment_type", "i2"),
        ("currency", "i2"),  # ISO numeric, 0 = not said
        ("tier", "i2"),  # open_customer
        ("flags", "i2"),
        ("unused", "i2"),
    ],
    align=True,
)

REPLY: Final = np.dtype(
    [
        ("token", "i8"),
        ("seq", "i8"),  # of the row, 0 = none
        ("as_of_seq", "i8"),  # the committed sequence that the answer saw
        ("time_us", "i8"),
        ("ref_seq", "i8"),  # the payment's first row
        ("payer_account", "i8"),
        ("payee_account", "i8"),  # open_account: the new account
        ("amount_minor", "i8"),
        ("held_minor", "i8"),  # change of the payer's held funds
        ("moved_minor", "i8"),  # what reached the payee
        ("fee_minor", "i8"),
        ("expires_us", "i8"),
        ("customer", "i4"),
        ("payload_bytes", "i4"),
        ("kind", "i2"),
        ("status", "i2"),
        ("state", "i2"),
        ("reason", "i2"),
        ("payment_type", "i2"),
        ("currency", "i2"),
        ("unused", "i4"),
    ],
    align=True,
)
