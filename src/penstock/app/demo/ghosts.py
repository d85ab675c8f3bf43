"""Well-formed ids of things that do not exist, to show how they are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.contracts.ids import MAX_INDEX, Kind, PublicIds

_NOBODY: Final = MAX_INDEX


@dataclass(frozen=True)
class Ghosts:
    """A customer, an account and a payment that are not there."""

    customer: str
    account: str
    payment: str


def summon(ids: PublicIds) -> Ghosts:
    """Make the ids with the installation's key; the index is one that nothing will ever reach."""
    names = (Kind.CUSTOMER, Kind.ACCOUNT, Kind.PAYMENT)
    return Ghosts(*(ids.encode(kind, _NOBODY) for kind in names))
