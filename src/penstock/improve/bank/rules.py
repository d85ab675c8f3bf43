"""How the simulated bank behaves towards a credit transfer. Pure."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Final, NamedTuple

from penstock.contracts.bank import CreditTransfer, TransferCode


class Behaviour(StrEnum):
    """What the bank does, for all transfers or for those to an account number that asks for it."""

    GOOD = "good"  # pays at once and says so
    SLOW = "slow"  # answers late, pays later; pending until then
    REJECTING = "rejecting"  # refuses, truthfully: AC04, the creditor's account is closed
    LYING = "lying"  # says rejected, and pays nonetheless
    FAILING = "failing"  # pays, and then answers 500
    LOSING = "losing"  # loses the first request for a transfer before it is looked at; the second one works
    RETURNING = "returning"  # pays, and later the money comes back (pacs.004)
    PENDING = "pending"  # never decides
    DUPLICATING = "duplicating"  # tells every notification twice
    DEAD = "dead"  # answers nothing
    MIXED = "mixed"  # one of the others for each transfer, by its end-to-end id; duplicates notifications


#: Account numbers of creditors that ask for a behaviour, whatever the bank does otherwise.
MAGIC: Final = {
    "SIMREJECT": Behaviour.REJECTING,
    "SIMLIE": Behaviour.LYING,
    "SIMSLOW": Behaviour.SLOW,
    "SIM500": Behaviour.FAILING,
    "SIMLOSE": Behaviour.LOSING,
    "SIMRETURN": Behaviour.RETURNING,
    "SIMPENDING": Behaviour.PENDING,
}
#: What ``mixed`` chooses from: all that ends by itself and tells the truth in the end.
_MIX: Final = (
    Behaviour.GOOD, Behaviour.SLOW, Behaviour.REJECTING, Behaviour.FAILING, Behaviour.LOSING, Behaviour.RETURNING,
    Behaviour.GOOD, Behaviour.GOOD,
)  # fmt: skip
_SAID_REJECTED: Final = (Behaviour.REJECTING, Behaviour.LYING)


class Treatment(NamedTuple):
    """What becomes of a transfer: what is said, whether and when it is paid, and when it comes back (s, None = not)."""

    said: TransferCode
    reason: str
    pays_after_s: float | None
    returns_after_s: float | None


def behaviour_for(transfer: CreditTransfer, general: Behaviour) -> Behaviour:
    """The behaviour towards one transfer."""
    for prefix, behaviour in MAGIC.items():
        if transfer.creditor.account.startswith(prefix):
            return behaviour
    if general is Behaviour.MIXED:
        return _MIX[hashlib.sha256(transfer.end_to_end_id.encode()).digest()[0] % len(_MIX)]
    return general


def treatment(behaviour: Behaviour, delay_s: float) -> Treatment:
    """What becomes of a transfer that reached the bank."""
    rejected = behaviour in _SAID_REJECTED
    later = behaviour is Behaviour.SLOW
    pays = behaviour not in (Behaviour.REJECTING, Behaviour.PENDING)
    said = TransferCode.RJCT if rejected else TransferCode.PDNG if later or not pays else TransferCode.ACSC
    return Treatment(
        said,
        "AC04" if rejected else "",
        (delay_s if later else 0.0) if pays else None,
        delay_s if behaviour is Behaviour.RETURNING else None,
    )
