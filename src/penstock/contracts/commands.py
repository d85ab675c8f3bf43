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
    EXPIRE = 9  # a payment's time has come: made by the lane itself
    PUBLISH = 10  # a new policy; made by the lane when it starts with a changed one
    REFUND = 11  # the payee gives back, all or a part
    RETURN = 12  # the payee's side sends back what it could not use
    CHARGEBACK = 13  # a dispute that the payer won; has a fee of its own
    DECIDE_REVIEW = 14
    SET_ACCOUNT = 15  # freeze, unfreeze, close
    SET_CUSTOMER = 16  # tier, limits of this customer alone
    RECOVER = 17  # an approved correction
    SET_APPROVALS = 18  # how many approvers an operation needs
    LABEL = 19  # what has become known of a payment: fraud, genuine, or nothing any more
    PUBLISH_MODEL = 20  # put a model in force, or none


class Query(IntEnum):
    """Questions that leave no row. They are numbered apart from the commands."""

    ACCOUNT = 101
    CUSTOMER = 102
    PAYMENT = 103
    STATUS = 104
    APPROVALS = 105
    MODEL = 106


class PaymentType(IntEnum):
    """What a payment is for; limits and fees are set per type. ``ANY`` is the sum over all types."""

    ANY = 0
    TRANSFER = 1
    PURCHASE = 2
    BILL = 3
    WITHDRAWAL = 4


class Flag(IntFlag):
    """How a command is to be carried out."""

    HOLD_ONLY = 1  # pay: authorise now, clear later
    RELEASE_REST = 2  # clear: give back what is not cleared
    OPERATES = 4  # the caller runs the system: it may act on what belongs to any client
    RAIL = 8  # withdraw: pay out by bank transfer; the lane sets it on refunds that leave by the bank
    FROM_SUSPENSE = 16  # chargeback, recover: the operator pays, out of suspense
    TO_SUSPENSE = 32  # the credit went to suspense; a deposit may ask for it, else the lane sets it
    ORDINARY = 64  # pay: arrives after the policy's `ordinary_s`
    NEXT_DAY = 128  # pay: arrives after the policy's `next_day_s`
    REMOVE = 256  # set_customer: take the limit of this customer alone away
    LOCATED = 512  # pay: latitude and longitude are given


class Option(IntEnum):
    """Which variant of a command. Numbers are never reused; each belongs to one kind."""

    NONE = 0
    # decide_review
    APPROVE = 1
    REJECT = 2
    # set_account
    FREEZE_DEBIT = 10
    FREEZE_CREDIT = 11
    FREEZE_ALL = 12
    FREEZE_AMOUNT = 13
    UNFREEZE_DEBIT = 14
    UNFREEZE_CREDIT = 15
    UNFREEZE_ALL = 16
    UNFREEZE_AMOUNT = 17
    CLOSE = 18
    # set_customer: LIMIT_SINGLE + n is the field n of policy.LIMIT_FIELDS
    TIER = 20
    LIMIT_SINGLE = 21
    LIMIT_DAY_AMOUNT = 22
    LIMIT_DAY_COUNT = 23
    LIMIT_MONTH_AMOUNT = 24
    LIMIT_MONTH_COUNT = 25
    LIMIT_YEAR_AMOUNT = 26
    LIMIT_YEAR_COUNT = 27
    # recover
    REVERSE = 30  # a payment that should not have been: give back all that is left of it
    FINISH_PAID = 31  # a payment at the bank without an answer: the money has left
    FINISH_UNPAID = 32  # … the money has not left
    MOVE_SUSPENSE = 33  # from suspense to the account that it belongs to
    # set_approvals: APPROVALS + the number of an Operation
    APPROVALS = 40
    # label
    LABEL_FRAUD = 50
    LABEL_GENUINE = 51
    LABEL_NONE = 52  # revoked: nothing is known of it
    # publish_model
    MODEL_IN_FORCE = 60
    MODEL_WITHDRAWN = 61


#: Sandbox: `option` FORCE_REASON + a reason's code forces that refusal, FORCE_STATE + a state that outcome.
FORCE_REASON: Final = 1000
FORCE_STATE: Final = 2000


class Operation(IntEnum):
    """What takes the approval of people other than the one who asks. Numbers are never reused."""

    LIMITS = 0  # a customer's tier or own limits
    UNFREEZE = 1
    REVIEW = 2  # a decision above the policy's `review_approval_above`
    RECOVER = 3
    APPROVALS = 4  # fewer approvers for an operation
    PUBLISH = 5  # a model


#: Approvers that an operation needs until SET_APPROVALS says otherwise (mission P2), and the most it may.
APPROVERS: Final = {
    Operation.LIMITS: 2, Operation.UNFREEZE: 1, Operation.REVIEW: 1, Operation.RECOVER: 1, Operation.APPROVALS: 2,
    Operation.PUBLISH: 1,
}  # fmt: skip
MOST_APPROVERS: Final = 3
#: `until_us` and `expires_us` of what does not end by itself.
NEVER_US: Final = 2**62


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
        ("amount_minor", "i8"),  # 0 for clear, release, refund, return, chargeback = all that there is
        ("ref_seq", "i8"),  # sequence of the payment's first row; queries: what is asked for
        ("lifetime_us", "i8"),  # of a hold, 0 = the policy's default
        ("from_us", "i8"),  # set_account: when a freeze begins, 0 = now
        ("until_us", "i8"),  # set_account, set_customer: when it ends by itself, 0 = never
        ("instrument", "i8"),  # pay: keyed hashes of what the payment came by, 0 = not said
        ("device", "i8"),
        ("network", "i8"),
        ("place", "i8"),
        ("category", "i8"),
        ("client", "i4"),  # the API client that sends it
        ("customer", "i4"),  # open_account, set_customer: whose
        ("payload_bytes", "i4"),  # length of the side record's text
        ("maker", "i4"),  # the person who asks, 0 = not known
        ("approval_1", "i4"),  # the persons who approved, 0 = nobody
        ("approval_2", "i4"),
        ("approval_3", "i4"),
        ("latitude_e4", "i4"),  # pay: ten-thousandths of a degree, with the flag LOCATED
        ("longitude_e4", "i4"),
        ("extra_1", "i4"),  # pay: sign(x) log2(1 + |x|) of the caller's extra numbers, in 65536ths
        ("extra_2", "i4"),
        ("extra_3", "i4"),
        ("extra_4", "i4"),
        ("kind", "i2"),
        ("payment_type", "i2"),
        ("currency", "i2"),  # ISO numeric, 0 = not said
        ("tier", "i2"),  # open_customer, set_customer
        ("flags", "i2"),
        ("option", "i2"),
        ("channel", "i2"),  # pay: from 1, 0 = not said
        ("factors", "i2"),  # pay: bitmask of the factors by which the payer was verified
        ("verification", "i2"),  # pay: how many kinds of factor (know, have, are) that makes
        ("extras_given", "i2"),  # pay: bit n - 1 is set when extra_n is given
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
        ("left_minor", "i8"),  # what can still be given back of the payment
        ("score", "f4"),  # of the model, 0 while model_version is 0
        ("model_version", "i4"),
        ("customer", "i4"),
        ("payload_bytes", "i4"),
        ("kind", "i2"),
        ("status", "i2"),
        ("state", "i2"),
        ("reason", "i2"),
        ("payment_type", "i2"),
        ("currency", "i2"),
        ("flags", "i4"),  # of the row
    ],
    align=True,
)


class Factor(IntFlag):
    """By what a payer was verified; ``verification`` counts the kinds: know, have, are."""

    PASSWORD = 1
    PIN = 2
    SMS = 4
    TOTP = 8
    DEVICE = 16
    PASSKEY = 32
    FINGERPRINT = 64
    FACE = 128
    CERTIFICATE = 256


#: The kinds of factor (PSD2, Article 4(30)): what the payer knows, has, is.
FACTOR_KINDS: Final = (
    Factor.PASSWORD | Factor.PIN,
    Factor.SMS | Factor.TOTP | Factor.DEVICE | Factor.PASSKEY | Factor.CERTIFICATE,
    Factor.FINGERPRINT | Factor.FACE,
)


class Channel(IntEnum):
    """By which way a payment was asked for."""

    APP = 1
    WEB = 2
    POS = 3
    QR = 4
    ATM = 5
    PHONE = 6
    BRANCH = 7
    API = 8
