"""The commands that follow from what the bank says, as records for the lane. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from penstock.contracts.bank import Entry, EntryKind
from penstock.contracts.commands import COMMAND, Flag, Kind
from penstock.contracts.ids import derived_command_id, split_uuid
from penstock.contracts.money import BY_CODE
from penstock.process.rails import rules
from penstock.process.rails.bank import Outcome

_WORDS: Final = 140


class Order(NamedTuple):
    """A command that is known but for its id, and the key that its id is derived from."""

    key: str
    fields: dict[str, int]
    payload: bytes = b""

    def record(self, client: int, time_ms: int) -> bytes:
        """The ``COMMAND`` record; the same time gives the same id."""
        record: Any = np.zeros(1, dtype=COMMAND)
        for name, value in self.fields.items():
            record[name] = value
        record["id_hi"], record["id_lo"] = split_uuid(derived_command_id(time_ms, self.key))
        record["client"], record["payload_bytes"] = client, len(self.payload)
        record["flags"] |= Flag.OPERATES
        return bytes(record.tobytes())


def settle(lane: int, seq: int, payment_seq: int, outcome: Outcome) -> Order:
    """The bank has paid or rejected what the row ``seq`` asked for."""
    kind = rules.follow_up(outcome)
    return Order(f"{rules.TAIL}:{lane}:{seq}:{kind.name}", {"kind": kind, "ref_seq": payment_seq})


def deposit(lane: int, account: str, entry: Entry, payee: int, most_bytes: int) -> Order:
    """Money arrived for the account ``payee``; 0 = for nobody known: into suspense.

    :param account: ours, at the bank, on which it arrived.
    :param most_bytes: longest side record.
    """
    fields = {
        "kind": int(Kind.DEPOSIT), "payee_account": payee, "amount_minor": entry.amount.minor_units,
        "currency": BY_CODE[entry.amount.currency].numeric, "flags": 0 if payee else int(Flag.TO_SUSPENSE),
    }  # fmt: skip
    what = "DEPOSIT" if payee else "SUSPENSE"
    return Order(f"{rules.TAIL}:{lane}:{account}:{entry.bank_reference}:{what}", fields, _side(entry, most_bytes))


def give_back(lane: int, account: str, entry: Entry, payment_seq: int, most_bytes: int) -> Order:
    """A withdrawal came back from the bank."""
    fields = {"kind": int(Kind.RETURN), "ref_seq": payment_seq, "amount_minor": entry.amount.minor_units}
    return Order(f"{rules.TAIL}:{lane}:{account}:{entry.bank_reference}:RETURN", fields, _side(entry, most_bytes))


def _side(entry: Entry, most_bytes: int) -> bytes:
    """The side record: what the bank said, so that the row can be matched with the statement, and refunded.

    Where not everything has room, the payer's words go first, then the payer: then a refund finds no creditor.
    """
    kind = "return" if entry.kind is EntryKind.RETURN else "credit"
    body: dict[str, Any] = {"bank_kind": kind, "bank_reference": entry.bank_reference}
    if entry.counterparty is not None and kind == "credit":
        body["from"] = msgspec.to_builtins(entry.counterparty)
    if entry.remittance_information:
        body["reference"] = entry.remittance_information[:_WORDS]
    for name in ("reference", "from"):
        if len(msgspec.json.encode(body)) > most_bytes:
            body.pop(name, None)
    return msgspec.json.encode(body, order="sorted")
