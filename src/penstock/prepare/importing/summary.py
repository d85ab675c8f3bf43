"""What an import did, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Summary:
    """Counts of one import. ``payments`` and ``amounts_minor`` are by (state, reason) and by currency and state."""

    rows: int = 0
    bad_rows: dict[str, int] = field(default_factory=dict)
    customers: int = 0
    accounts: int = 0
    deposits: int = 0
    deposited_minor: Counter[str] = field(default_factory=Counter)
    refused_deposits: Counter[str] = field(default_factory=Counter)
    payments: Counter[tuple[str, str]] = field(default_factory=Counter)
    amounts_minor: Counter[tuple[str, str]] = field(default_factory=Counter)
    replayed: int = 0
    seconds: float = 0.0
    payment_seconds: float = 0.0

    @property
    def sent(self) -> int:
        """Payments that were decided."""
        return sum(self.payments.values())

    @property
    def payments_per_second(self) -> float:
        """Payments over the time that sending them took."""
        return self.sent / self.payment_seconds if self.payment_seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "rows": self.rows, "bad_rows": self.bad_rows, "customers": self.customers, "accounts": self.accounts,
            "deposits": self.deposits, "deposited_minor": dict(self.deposited_minor),
            "refused_deposits": dict(self.refused_deposits),
            "payments": [{"state": s, "reason": r, "payments": n} for (s, r), n in self.payments.most_common()],
            "amounts_minor": [{"currency": c, "state": s, "amount_minor": n} for (c, s), n in sorted(self.amounts_minor.items())],
            "replayed": self.replayed, "seconds": round(self.seconds, 3),
            "payments_per_second": round(self.payments_per_second, 1),
        }  # fmt: skip
