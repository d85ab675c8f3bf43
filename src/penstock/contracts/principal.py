"""Who calls: the API client that a key speaks for, and what the key may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from penstock.kit.http.problem import Problem


class Scope(StrEnum):
    """What a key may do."""

    CUSTOMERS_WRITE = "customers:write"
    LEDGER_WRITE = "ledger:write"
    PAYMENTS_WRITE = "payments:write"
    LABELS_WRITE = "labels:write"  # says which of the client's payments were fraud, and which were not
    MODELS_WRITE = "models:write"  # uploads models, asks for their publication and withdrawal
    READ = "read"
    WEBHOOKS_WRITE = "webhooks:write"  # says where events are sent
    OPERATE = "operate"  # reads everything, the system's accounts and status included
    REVIEW = "review"  # claims and decides reviews
    CONTROL = "control"  # freezes, closes, sets tiers and limits, corrects; works the queues of the back office
    APPROVE = "approve"  # approves what others ask for


_STAFF: Final = frozenset({Scope.OPERATE, Scope.REVIEW, Scope.CONTROL, Scope.APPROVE})


@dataclass(frozen=True)
class Principal:
    """The caller of one request."""

    key_id: str
    client: int
    scopes: frozenset[str]
    #: The number of the person who answers for the key, 0 = nobody is named.
    person: int = 0

    @property
    def operates(self) -> bool:
        """Whether the caller may see what belongs to other clients."""
        return Scope.OPERATE in self.scopes

    @property
    def works_here(self) -> bool:
        """Whether the caller is one of the operator's people: they see who asked, who approved and why."""
        return bool(self.scopes & _STAFF)

    def require(self, *scopes: Scope) -> None:
        """Let the caller pass when it has one of the scopes.

        :raises Problem: 403, naming the scope that is missing.
        """
        if self.scopes.isdisjoint(scopes):
            wanted = " or ".join(scopes)
            detail = f"This key lacks the scope {wanted}. Use a key that has it; `penstock key create` makes one."
            raise Problem(403, "scope_missing", "This key may not do that", detail)
