"""One batch through the posting kernels: expire what is due, recognise repeats, carry out, in order. Kernel."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Kind, Option, Status
from penstock.contracts.features import REGISTRY_VERSION
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import kernel
from penstock.process.post.controlling import move_suspense, publish_model, set_account, set_approvals, set_customer
from penstock.process.post.labelling import label
from penstock.process.post.moving import deposit, pay, withdraw
from penstock.process.post.opening import open_account, open_customer
from penstock.process.post.rows import begin_row, describe_command
from penstock.process.post.settling import expire_due, follow_up
from penstock.state.behaviour.learning import learn_failure
from penstock.state.reaching import AHEAD, reach_money

_OPEN_CUSTOMER, _OPEN_ACCOUNT = int(Kind.OPEN_CUSTOMER), int(Kind.OPEN_ACCOUNT)
_DEPOSIT, _WITHDRAW, _PAY = int(Kind.DEPOSIT), int(Kind.WITHDRAW), int(Kind.PAY)
_SET_ACCOUNT, _SET_CUSTOMER = int(Kind.SET_ACCOUNT), int(Kind.SET_CUSTOMER)
_SET_APPROVALS, _RECOVER = int(Kind.SET_APPROVALS), int(Kind.RECOVER)
_MOVE_SUSPENSE = int(Option.MOVE_SUSPENSE)
_DONE, _REPLAYED, _REFUSED = int(Status.DONE), int(Status.REPLAYED), int(Status.REFUSED)
_CONFLICT = int(Reason.ID_CONFLICT)
_LABEL, _PUBLISH_MODEL, _DECLINED = int(Kind.LABEL), int(Kind.PUBLISH_MODEL), int(PaymentState.DECLINED)


@kernel
def post_batch(
    state: Any, terms: Any, commands: Any, times_us: Any, known: Any, judged: Any, day: int, rows: Any, verdicts: Any
) -> tuple[int, int]:
    """Post commands in order, each at its time, until all are done or the room for rows ends.

    ``rows`` is zeroed, at least one longer than ``terms.expiries``. Before each command all holds that have run out by then
    expire, so how a stream is cut into batches changes nothing.

    :returns: how many commands were done, how many rows were written.
    """
    written = 0
    expired = 0
    for i in range(commands.shape[0]):
        if i % AHEAD == 0:
            reach_money(state, commands, i)
        most = min(terms.expiries - expired, rows.shape[0] - written)
        due = expire_due(state, terms, rows, written, most, times_us[i], day)
        written += due
        expired += due
        if written >= rows.shape[0] or expired >= terms.expiries:
            return i, written
        verdicts.row[i] = -1
        if not _is_repeat(known, i, verdicts):
            row = rows[written]
            begin_row(state, terms, row, times_us[i], day)
            describe_command(row, commands[i], known.fingerprint[i])
            if known.ref_client[i] == 0:
                _find_in_batch(rows, written, commands[i]["ref_seq"], known, i)
            _carry_out(state, terms, row, commands[i], known, judged, i)
            verdicts.status[i] = _DONE
            verdicts.reason[i] = row["reason"]
            verdicts.seq[i] = row["seq"]
            verdicts.row[i] = written
            written += 1
    return commands.shape[0], written


@kernel
def _is_repeat(known: Any, i: int, verdicts: Any) -> bool:
    """Answer a command that was seen before, in this batch or earlier, and an id that is out of its time (design 4.3)."""
    seq, fingerprint = known.found_seq[i], known.found_fingerprint[i]
    if known.twin[i] > 0:
        seq, fingerprint = verdicts.seq[known.twin[i] - 1], known.fingerprint[known.twin[i] - 1]
    verdicts.seq[i] = seq
    verdicts.status[i] = _REFUSED
    verdicts.reason[i] = known.refused[i]
    if seq > 0:
        same = fingerprint == known.fingerprint[i]
        verdicts.status[i] = _REPLAYED if same else _REFUSED
        verdicts.reason[i] = 0 if same else _CONFLICT
    return seq > 0 or known.refused[i] > 0


@kernel
def _find_in_batch(rows: Any, written: int, ref_seq: int, known: Any, i: int) -> None:
    """What a payment is that began in this very batch: no other place knows it yet."""
    place = ref_seq - rows[0]["seq"]
    if written == 0 or place < 0 or place >= written:
        return
    first = rows[place]
    if first["kind"] != _PAY and first["kind"] != _DEPOSIT and first["kind"] != _WITHDRAW:
        return
    known.ref_client[i] = first["client"]
    known.ref_kind[i] = first["kind"]
    known.ref_payer[i] = first["payer_account"]
    known.ref_payee[i] = first["payee_account"]
    known.ref_type[i] = first["payment_type"]
    known.ref_currency[i] = first["currency"]
    known.ref_state[i] = first["state"]
    known.ref_left[i] = first["left_minor"]
    known.ref_last_seq[i] = first["seq"]


@kernel
def _carry_out(state: Any, terms: Any, row: Any, command: Any, known: Any, judged: Any, i: int) -> None:
    kind = command["kind"]
    if kind == _PAY:
        _pay(state, terms, row, command, judged, i)
    elif kind == _DEPOSIT:
        deposit(state, terms, row, command)
    elif kind == _WITHDRAW:
        withdraw(state, terms, row, command)
    elif kind == _OPEN_CUSTOMER:
        open_customer(state, terms, row, command)
    elif kind == _OPEN_ACCOUNT:
        open_account(state, row, command)
    elif kind == _LABEL:
        label(state, row, command, judged, i)
    elif kind in (_PUBLISH_MODEL, _SET_ACCOUNT, _SET_CUSTOMER, _SET_APPROVALS):
        _control(state, terms, row, command, judged.reason[i])
    elif kind == _RECOVER and command["option"] == _MOVE_SUSPENSE:
        move_suspense(state, row, command)
    else:
        follow_up(state, terms, row, command, known, i)


@kernel
def _control(state: Any, terms: Any, row: Any, command: Any, reason: int) -> None:
    """What operators set."""
    kind = command["kind"]
    if kind == _SET_ACCOUNT:
        set_account(state, row, command)
    elif kind == _SET_CUSTOMER:
        set_customer(state, terms, row, command)
    elif kind == _SET_APPROVALS:
        set_approvals(state, row, command)
    else:
        publish_model(state, row, command, reason)


@kernel
def _pay(state: Any, terms: Any, row: Any, command: Any, judged: Any, i: int) -> None:
    """Pay as the decision says, and let the payer's memory know when it was declined."""
    if judged.attempt[i] > 0:
        row["feature_registry"] = REGISTRY_VERSION
        row["score"] = judged.score[i]
        row["model_version"] = judged.model_version[i]
    pay(state, terms, row, command, judged.verdict[i])
    if judged.attempt[i] > 0 and row["state"] == _DECLINED:
        learn_failure(state.payers[row["payer_account"]], row["time_us"])
