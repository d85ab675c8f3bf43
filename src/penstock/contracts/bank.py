"""The words of the bank's protocol (docs/rails.md): ISO 20022 messages as JSON, shared by whoever speaks them.

``CreditTransfer`` follows pain.001, ``TransferStatus`` pacs.002, ``Notification`` camt.054 and pacs.004,
``Statement`` camt.053. Amounts are whole minor units; times are ISO 8601 in UTC, dates those of UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from penstock.contracts.money import BY_CODE, MAX_AMOUNT_MINOR

#: ISO 20022 Max35Text: instruction, end-to-end and bank references.
LONGEST_ID: Final = 35
#: ISO 20022 Max140Text: names and remittance information.
LONGEST_TEXT: Final = 140

Reference = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
Words = Annotated[str, Meta(max_length=LONGEST_TEXT)]
#: IBAN or a domestic number, and the bank that holds it (BIC or a domestic code).
AccountNumber = Annotated[str, Meta(min_length=1, max_length=34)]
Agent = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]


class TransferCode(StrEnum):
    """ISO 20022 ExternalPaymentTransactionStatus1Code, those that are used."""

    ACCP = "ACCP"  # accepted, not yet settled
    PDNG = "PDNG"  # pending, not yet decided
    ACSC = "ACSC"  # settled: the money has left
    RJCT = "RJCT"  # rejected: the money has not left


class EntryKind(StrEnum):
    """What an entry of the account is."""

    CREDIT = "credit"  # somebody paid in
    DEBIT = "debit"  # a credit transfer of ours left
    RETURN = "return"  # a credit transfer of ours came back (pacs.004)


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount: ISO 4217 code and whole minor units."""

    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    minor_units: Annotated[int, Meta(ge=1, le=MAX_AMOUNT_MINOR)]


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who pays or is paid: name, account, and the agent (bank) that holds the account."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    account: AccountNumber
    agent: Agent


class CreditTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The order to pay (pain.001). The bank carries out each ``end_to_end_id`` at most once."""

    instruction_id: Reference
    end_to_end_id: Reference
    uetr: str
    amount: Money
    debtor: Party
    creditor: Party
    remittance_information: Words = ""


class TransferStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the bank says of a credit transfer (pacs.002); ``reason`` is an ExternalStatusReason1Code."""

    end_to_end_id: str
    status: TransferCode
    reason: str = ""
    bank_reference: str = ""
    time: str = ""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One booking on the account at the bank; ``bank_reference`` is unique and never changes.

    ``end_to_end_id``: of our credit transfer, for a debit and its return; ``creditor_reference``: what the payer of a
    credit named, the public id of an account here.
    """

    bank_reference: str
    kind: EntryKind
    amount: Money
    time: str
    end_to_end_id: str = ""
    creditor_reference: str = ""
    reason: str = ""
    counterparty: Party | None = None
    remittance_information: str = ""


class Notification(msgspec.Struct, frozen=True):
    """A credit or a return (camt.054); the same entry may be told more than once, under other cursors."""

    cursor: int
    account: str
    entry: Entry


class Notifications(msgspec.Struct, frozen=True):
    """A page of notifications in their order, and the cursor to go on from."""

    notifications: list[Notification]
    next_after: int


class Statement(msgspec.Struct, frozen=True):
    """The entries of one account on one day (camt.053); balances in minor units, below 0 = overdrawn."""

    account: str
    date: str
    currency: str
    opening_minor_units: int
    closing_minor_units: int
    entries: list[Entry]


def settlement_account(prefix: str, currency: str) -> str:
    """The number of our account in a currency at the bank."""
    assert currency in BY_CODE
    return f"{prefix}-{currency}"


#: The change that an entry makes to the balance.
SIGNS: Final = {EntryKind.CREDIT: 1, EntryKind.DEBIT: -1, EntryKind.RETURN: 1}
