"""The columns of the lane's tables. Every table is int64 (records, columns), record 0 is unused.

The column numbers are module constants because kernels fold constants; ``LAYOUT`` names them for the
checkpoint, which stores the names so that a grown table can be read by field name.
"""

from __future__ import annotations

from typing import Final

from penstock.contracts.commands import Operation, PaymentType
from penstock.contracts.money import CURRENCIES

CURRENCY_SLOTS: Final = len(CURRENCIES)
TYPES: Final = len(PaymentType)

# accounts
AVAILABLE, HELD, ACCOUNT_LAST_SEQ, ACCOUNT_CUSTOMER, ACCOUNT_PURSE, ACCOUNT_CURRENCY = range(6)
ACCOUNT_KIND, ACCOUNT_OPENED_SEQ, OPEN_HOLDS = range(6, 9)
DEBIT_FROM_US, DEBIT_UNTIL_US, CREDIT_FROM_US, CREDIT_UNTIL_US = range(9, 13)
FROZEN_MINOR, FROZEN_FROM_US, FROZEN_UNTIL_US = range(13, 16)
ACCOUNT_WIDTH: Final = 16
KIND_CUSTOMER, KIND_SETTLEMENT, KIND_FEES, KIND_SUSPENSE, KIND_CLOSED = 1, 2, 3, 4, 5

# customers; then one purse index per currency slot
TIER, CUSTOMER_CLIENT, CUSTOMER_LAST_SEQ, CUSTOMER_OPENED_SEQ, CUSTOMER_ACCOUNTS, FIRST_PURSE = range(6)
CUSTOMER_WIDTH: Final = 16

# purses; then CELL_WIDTH counters for each payment type
PURSE_CUSTOMER, PURSE_CURRENCY, PURSE_LAST_SEQ, DAY, MONTH, FIRST_CELL = range(6)
DAY_AMOUNT, DAY_COUNT, MONTH_AMOUNT, MONTH_COUNT, YEAR_AMOUNT, YEAR_COUNT = range(6)
CELL_WIDTH: Final = 6
OVERRIDDEN: Final = FIRST_CELL + CELL_WIDTH * TYPES  # 1 once a limit of this customer alone was set
PURSE_WIDTH: Final = 40

# own limits of customers: open addressing, insert only; the key is purse << 16 | payment type << 8 | field, 0 = free
OVERRIDE_KEY, OVERRIDE_VALUE, OVERRIDE_UNTIL_US, OVERRIDE_SEQ = range(4)
OVERRIDE_WIDTH: Final = 4

# holds
ORIGIN_SEQ, HOLD_PAYER, HOLD_PAYEE, HOLD_PURSE, HOLD_CLIENT, HOLD_TYPE, HOLD_CURRENCY, HOLD_LIMIT_DAY = range(8)
HOLD_AMOUNT, HOLD_FEE, HOLD_CLEARED, HOLD_FEE_TAKEN, HOLD_RELEASED, EXPIRES_US, HOLD_LAST_SEQ = range(8, 15)
HOLD_STATE, HOLD_FLAGS, HOLD_KIND, HOLD_LEFT = range(15, 19)
HOLD_WIDTH: Final = 20

# ids: one generation per partition, open addressing; word 3 is client << 40 | seq, 0 = free
ID_HI, ID_LO, ID_FINGERPRINT, ID_SEQ = range(4)
ID_WIDTH: Final = 4
# refs: what follow-ups made of a payment
REF_ORIGIN, REF_LAST_SEQ, REF_STATE, REF_LEFT = range(4)
REF_WIDTH: Final = 4
SEQ_BITS: Final = 40
GENERATIONS: Final = 4

# behaviour of an entity: the template of state/behaviour/records.py
STAMP_US, FIRST_AND_SEEN, LAST_US, COUNT_HOUR, COUNT_DAY, COUNT_WEEK, SUM_DAY = range(7)
WEIGHT, LOG_SUM, LOG_SQUARES, PARTNERS, GENUINE, FRAUD, TICK_AND_BUCKET = range(7, 14)
FRAUD_AND_RUN, WAITING_A, WAITING_B = range(14, 17)
ENTITY_WIDTH: Final = 17
# and, of payers only
HABIT_COS, HABIT_SIN, SWITCHES, CAME_BY, WAS_AT, WAS_AT_US, RECEIVED, RECEIVED_US, FAILED, FAILED_NOW, SUM_HOUR = range(17, 28)
PAYER_WIDTH: Final = 28
# … of payees only
GENUINE_WEEK, FRAUD_WEEK, EVER = range(17, 20)
PAYEE_WIDTH: Final = 20

# sets of entities that are found by a hash: a stamp, the keys, as many records, how many were driven out
SET_STAMP_US, FIRST_KEY = range(2)
ENTITY_WAYS: Final = 7
FIRST_ENTITY: Final = FIRST_KEY + ENTITY_WAYS
SET_EVICTIONS: Final = FIRST_ENTITY + ENTITY_WAYS * ENTITY_WIDTH
ENTITY_SET_WIDTH: Final = SET_EVICTIONS + 1
# sets of pairs: a stamp, how many were driven out, then key, count and last time of each
PAIR_KEY, PAIR_COUNT, PAIR_LAST_US = range(3)
PAIR_WAYS: Final = 4
PAIR_WIDTH: Final = 3
PAIR_EVICTIONS, FIRST_PAIR = 1, 2
PAIR_SET_WIDTH: Final = 16

# labels of payments: open addressing, insert only
LABEL_ORIGIN, LABEL_OPTION, LABEL_SEQ = range(3)
LABEL_WIDTH: Final = 4

# scalars
LAST_SEQ, LAST_TIME_US, ACCOUNTS, CUSTOMERS, PURSES, HOLDS_OPEN, HOLDS_HIGH, HOLDS_FREE = range(8)
POLICY_VERSION, POLICY_SEQ, PARTITION_ROWS, FIRST_PARTITION = range(8, 12)
REVIEW_HOUR, REVIEWS_IN_HOUR, OVERRIDES, MATURITY_US = range(12, 16)
#: and on, one per operation: how many approvers it needs, plus 1; 0 = as many as contracts say
APPROVERS_NEEDED: Final = 16
_AFTER_APPROVERS: Final = APPROVERS_NEEDED + len(Operation)
#: the model in force (0 = none), the row that put it in force, how many there have ever been; labelled payments
MODEL_VERSION, MODEL_SEQ, MODELS, LABELS = range(_AFTER_APPROVERS, _AFTER_APPROVERS + 4)
SCALARS_WIDTH: Final = 32
#: ``generations``: which partition + 1 a generation holds (0 = none), the time of its first and the number of its last row
GENERATION_PARTITION, GENERATION_TIME_US, GENERATION_LAST_SEQ = range(3)
GENERATION_WIDTH: Final = 4

# totals per currency slot, for people
TOTAL_HELD, TOTAL_CLEARED, TOTAL_DEPOSITED, TOTAL_WITHDRAWN, TOTAL_FEES, TOTAL_GIVEN_BACK = range(6)
TOTAL_WIDTH: Final = 8


def _names(width: int, *names: str) -> list[str]:
    return [*names, *(f"reserved_{i}" for i in range(len(names), width))]


_ENTITY: Final = (
    "stamp_us", "first_and_seen", "last_us", "count_hour", "count_day", "count_week", "sum_day", "weight", "log_sum",
    "log_squares", "partners", "genuine", "fraud", "tick_and_bucket", "fraud_and_run", "waiting_a", "waiting_b",
)  # fmt: skip
_CELL: Final = ("day_amount", "day_count", "month_amount", "month_count", "year_amount", "year_count")

#: Table → names of its columns, as the checkpoint stores them.
LAYOUT: Final[dict[str, list[str]]] = {
    "accounts": _names(
        ACCOUNT_WIDTH, "available_minor", "held_minor", "last_seq", "customer", "purse", "currency_slot",
        "kind", "opened_seq", "open_holds", "debit_from_us", "debit_until_us", "credit_from_us", "credit_until_us",
        "frozen_minor", "frozen_from_us", "frozen_until_us",
    ),
    "customers": _names(
        CUSTOMER_WIDTH, "tier", "client", "last_seq", "opened_seq", "accounts",
        *(f"purse_{currency.code}" for currency in CURRENCIES),
    ),
    "purses": _names(
        PURSE_WIDTH, "customer", "currency_slot", "last_seq", "day", "month",
        *(f"{name}_{kind.name.lower()}" for kind in PaymentType for name in _CELL),
        "overridden",
    ),
    "overrides": ["key", "value", "until_us", "seq"],
    "holds": _names(
        HOLD_WIDTH, "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day",
        "amount_minor", "fee_minor", "cleared_minor", "fee_taken_minor", "released_minor", "expires_us", "last_seq",
        "state", "flags", "kind", "left_minor",
    ),
    "holds_free": ["slot"],
    "ids": ["id_hi", "id_lo", "fingerprint", "client_and_seq"],
    "refs": _names(REF_WIDTH, "origin_seq", "last_seq", "state", "left_minor"),
    "payers": _names(
        PAYER_WIDTH, *_ENTITY, "habit_cos", "habit_sin", "switches", "came_by", "was_at", "was_at_us", "received",
        "received_us", "failed", "failed_now", "sum_hour",
    ),
    "payees": _names(PAYEE_WIDTH, *_ENTITY, "genuine_week", "fraud_week", "ever"),
    "entities": [
        "stamp_us", *(f"key_{way}" for way in range(ENTITY_WAYS)),
        *(f"{name}_{way}" for way in range(ENTITY_WAYS) for name in _ENTITY), "evictions",
    ],
    "pairs": _names(
        PAIR_SET_WIDTH, "stamp_us", "evictions",
        *(f"{name}_{way}" for way in range(PAIR_WAYS) for name in ("key", "count", "last_us")),
    ),
    "labels": _names(LABEL_WIDTH, "origin_seq", "option", "seq"),
    "generations": _names(GENERATION_WIDTH, "partition", "time_us", "last_seq"),
    "totals": _names(TOTAL_WIDTH, "held", "cleared", "deposited", "withdrawn", "fees", "given_back"),
    "scalars": _names(
        SCALARS_WIDTH, "last_seq", "last_time_us", "accounts", "customers", "purses", "holds_open", "holds_high",
        "holds_free", "policy_version", "policy_seq", "partition_rows", "first_partition",
        "review_hour", "reviews_in_hour", "overrides", "maturity_us",
        *(f"approvers_{operation.name.lower()}" for operation in Operation), "model_version", "model_seq", "models", "labels",
    ),
}  # fmt: skip
