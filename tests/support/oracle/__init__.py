"""The oracle: what every command must do, in plain Python, one command at a time, slow and obvious.

It shares no code with the lane but the words of contracts: it was written from docs/payment-life.md. It keeps
what the kernels keep in arrays in dictionaries and small objects, and predicts each command's ``Outcome``.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from penstock.contracts.commands import Kind, Option, PaymentType, Status
from penstock.contracts.policy import Policy
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import back, begin, control, judging, opening, settle
from support.oracle.book import Account, Book, Command, Outcome, Payment, Refused, operates, require

__all__ = ["Oracle", "Outcome"]
AHEAD_US, AGE_US = 5_000_000, 86_400_000_000
_BEGIN = {Kind.PAY: begin.pay, Kind.DEPOSIT: begin.deposit, Kind.WITHDRAW: begin.withdraw}
_OTHERS = {
    Kind.OPEN_CUSTOMER: opening.open_customer, Kind.OPEN_ACCOUNT: opening.open_account,
    Kind.SET_ACCOUNT: control.set_account, Kind.SET_CUSTOMER: control.set_customer,
    Kind.SET_APPROVALS: control.set_approvals, Kind.LABEL: judging.label, **_BEGIN,
}  # fmt: skip
_FOLLOW = {
    Kind.CLEAR: settle.clear, Kind.RELEASE: settle.release, Kind.CANCEL: settle.cancel,
    Kind.DECIDE_REVIEW: settle.decide_review, Kind.REFUND: back.refund, Kind.RETURN: back.give,
    Kind.CHARGEBACK: back.give, Kind.RECOVER: back.recover,
}  # fmt: skip
#: What may differ when an instruction is repeated: nobody approves the very same wish a second time.
_NOT_CONTENT = ("token", "id_hi", "id_lo", "maker", "approval_1", "approval_2", "approval_3")
#: Only who runs the system may send these.
_OPERATORS = (Kind.DECIDE_REVIEW, Kind.CHARGEBACK, Kind.RECOVER)


class Oracle:
    """One lane's worth of truth."""

    def __init__(self, policy: Policy, **caps: Any) -> None:
        self.book = Book(policy, **caps)
        self._ids: dict[tuple[int, int, int], bytes] = {}

    @property
    def accounts(self) -> list[Account]:
        return self.book.accounts

    @property
    def payments(self) -> dict[int, Payment]:
        return self.book.payments

    def tell(self, command: Any, time_us: int, payload: bytes = b"") -> Outcome:
        """Carry one command with its text out, after everything that has fallen due by its time."""
        settle.all_due(self.book, time_us)
        key = (int(command["client"]), int(command["id_hi"]), int(command["id_lo"]))
        content = b"".join(command[name].tobytes() for name in command.dtype.names if name not in _NOT_CONTENT) + payload
        if key in self._ids:
            same = self._ids[key] == content
            return Outcome(Status.REPLAYED) if same else Outcome(Status.REFUSED, reason=Reason.ID_CONFLICT)
        id_us = ((key[1] % 2**64) >> 16) * 1000
        if id_us > time_us + AHEAD_US:
            return Outcome(Status.REFUSED, reason=Reason.ID_FROM_FUTURE)
        if id_us < time_us - AGE_US:
            return Outcome(Status.REFUSED, reason=Reason.ID_EXPIRED)
        self.book.seq += 1
        self._ids[key] = content
        c = Command(**{name: int(command[name]) for name in command.dtype.names})
        return self._decide(c, time_us, payload)

    def tick(self, time_us: int) -> None:
        """Nobody asks anything, but time goes on."""
        settle.all_due(self.book, time_us)

    def used_now(self, day: int) -> dict[tuple[int, str, int, int, str], int]:
        """(customer, currency, payment type, window: 0 day, 1 month, 2 year, what) → used, on a day since 1970."""
        now = date(1970, 1, 1) + timedelta(days=day)
        names = [(now.year, now.month, now.day), (now.year, now.month), (now.year,)]
        return {
            (customer, currency, PaymentType[scope.upper()], names.index(name), what): used
            for (customer, currency, scope, name, what), used in self.book.used.items()
            if name in names
        }

    def _decide(self, c: Command, now_us: int, payload: bytes) -> Outcome:
        kind = Kind(c.kind)
        try:
            if kind == Kind.PUBLISH_MODEL:
                return judging.publish_model(self.book, c, payload)
            return self._carry_out(kind, c, now_us)
        except Refused as refused:
            if kind in _BEGIN:
                begin.note_declined(self.book, c)
            return Outcome(Status.DONE, State.DECLINED, refused.reason)

    def _carry_out(self, kind: Kind, c: Command, now_us: int) -> Outcome:
        if kind in _OTHERS:
            return _OTHERS[kind](self.book, c, now_us)
        if kind == Kind.RECOVER and c.option == Option.MOVE_SUSPENSE:
            return back.move_suspense(self.book, c, now_us)
        return _FOLLOW[kind](self.book, self._named(kind, c), c, now_us)

    def _named(self, kind: Kind, c: Command) -> Payment:
        """The payment that a follow-up is about; what the caller has no business with does not exist for him."""
        payment = self.book.payments.get(c.ref_seq)
        require(payment is not None, Reason.PAYMENT_UNKNOWN)
        assert payment is not None
        mine = payment.client == c.client
        if kind in (Kind.REFUND, Kind.RETURN):
            mine |= self.book.client_of(payment.payee) == c.client
        if kind in _OPERATORS:
            mine = False
        require(mine or operates(c), Reason.PAYMENT_UNKNOWN)
        return payment
