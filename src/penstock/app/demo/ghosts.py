"""Well-formed ids of things that do not exist, to show how they are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.contracts.ids import MAX_INDEX, Kind, PublicIds

#: Indices that no lane will ever reach; customers have 32 bits.
_NOBODY: Final = {Kind.CUSTOMER: 2**31 - 1, Kind.ACCOUNT: MAX_INDEX, Kind.PAYMENT: MAX_INDEX}


@dataclass(frozen=True)
class Ghosts:
    """A customer, an account and a payment that are not there."""

    customer: str
    account: str
    payment: str


def summon(ids: PublicIds) -> Ghosts:
    """Make the ids with the installation's key."""
    return Ghosts(*(ids.encode(kind, index) for kind, index in _NOBODY.items()))
