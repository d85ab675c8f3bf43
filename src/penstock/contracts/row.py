"""The journal row: one decided command, everything that is known of it, in fixed width.

``ROW`` is the row in memory and, packed little-endian in this order, its canonical encoding, which
the digest chain covers and the table stores (without the zeros of ``features`` where there is no
vector). The table computes a column for each field (``journal/layout.py``), except that ``command_id``
is one uuid there and two signed halves here, and ``side_hash`` is one bytea there and four signed
little-endian words here. A new field goes to the end and raises ``ENCODING_VERSION``.

The money of a row is three numbers, and every balance is a fold over them:

* payer: ``held += held_minor``, ``available -= held_minor + moved_minor + fee_minor``
* payee: ``available += moved_minor``
* the fee account of the currency: ``available += fee_minor``

The limits of a row are three numbers as well: ``limit_minor`` and ``limit_count`` are added to the
counters of ``purse`` (for ``payment_type`` and for ANY) in each window of which ``limit_day`` is still
part on the row's ``business_day``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.features import SLOTS

#: Version of the canonical encoding, the first byte that each batch's digest covers.
ENCODING_VERSION: Final = 1
#: Bytes of the feature vector: slots of half precision. In the table NULL while feature_registry is 0.
FEATURE_BYTES: Final = 2 * SLOTS

ROW: Final = np.dtype(
    [
        ("seq", "<i8"),  # position in the lane, from 1, without gaps
        ("time_us", "<i8"),  # lane time, µs since 1970 UTC, never decreasing
        ("id_hi", "<i8"),  # command id
        ("id_lo", "<i8"),
        ("fingerprint", "<i8"),  # of the content, to tell a retry from a re-used id
        ("payer_account", "<i8"),  # account index, 0 = none
        ("payee_account", "<i8"),
        ("amount_minor", "<i8"),  # as asked for
        ("held_minor", "<i8"),  # change of the payer's held funds
        ("moved_minor", "<i8"),  # payer to payee
        ("fee_minor", "<i8"),  # payer to the fee account
        ("limit_minor", "<i8"),  # change of the limit counters
        ("ref_seq", "<i8"),  # first row of the payment that this row is about, 0 = this row starts one
        ("ref_prev_seq", "<i8"),  # the row of that payment before this one
        ("payer_prev_seq", "<i8"),  # the row before this one in each account's history
        ("payee_prev_seq", "<i8"),
        ("fee_prev_seq", "<i8"),
        ("expires_us", "<i8"),  # when the payment falls due; set_account, set_customer: when it ends; 0 = never
        ("rules_fired", "<i8"),  # bitmask
        ("side_hash", "<i8", (4,)),  # SHA-256 of the side record's bytes, zero = no side record
        ("client", "<i4"),  # the API client that sent it, 0 = the lane itself
        ("customer", "<i4"),  # the payer's customer, or the one opened
        ("purse", "<i4"),  # limit counters: one purse per customer and currency
        ("business_day", "<i4"),  # days since 1970-01-01 in the business time zone
        ("limit_day", "<i4"),  # the business day on which the limit was used
        ("policy_version", "<i4"),
        ("pack_version", "<i4"),  # rule pack
        ("model_version", "<i4"),
        ("approval_1", "<i4"),  # who approved, 0 = nobody
        ("approval_2", "<i4"),
        ("approval_3", "<i4"),
        ("score", "<f4"),  # of the model, 0 while model_version is 0
        ("lane", "<i2"),
        ("kind", "<i2"),
        ("state", "<i2"),
        ("reason", "<i2"),
        ("payment_type", "<i2"),
        ("currency", "<i2"),  # ISO numeric
        ("tier", "<i2"),  # of the payer's customer when it was decided
        ("limit_count", "<i2"),  # change of the limit counters, -1, 0 or 1
        ("verification", "<i2"),  # strength of the payer's verification
        ("factors", "<i2"),  # bitmask of the factors used
        ("feature_registry", "<i2"),  # version, 0 = no vector
        ("flags", "<i2"),
        ("from_us", "<i8"),  # set_account: when the freeze begins; label: the time of the payment
        ("left_minor", "<i8"),  # what can still be given back of the payment after this row
        ("maker", "<i4"),  # the person who asked, 0 = not known
        ("option", "<i2"),  # which variant of the command
        ("instrument", "<i8"),  # keyed hashes of what the payment came by, 0 = not said; label: of the payment's
        ("device", "<i8"),
        ("network", "<i8"),
        ("place", "<i8"),
        ("category", "<i8"),
        ("latitude_e4", "<i4"),  # ten-thousandths of a degree, with the flag LOCATED
        ("longitude_e4", "<i4"),
        ("channel", "<i2"),
        ("was", "<i2"),  # label: the option of the label before, 0 = none
        ("features", "<i2", (SLOTS,)),  # bits of half precision, see contracts/features.py; zero while feature_registry is 0
    ]
)
