"""`penstock verify` recomputes what became of a payment by its risk, the models in force, and the labels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import pytest
from msgspec.structs import replace
from review.life_maker import LifeMaker
from review.verifying import Verify, checks, store
from support.database import Database

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, Option, PaymentType
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.verify.report import as_words

#: Takes a journal and two funded accounts; plants a fault and says at which row.
Plan = Callable[[LifeMaker, int, int], int]


def _spoil(name: str, value: Any) -> Plan:
    """A payment with another value in a column."""

    def plan(j: LifeMaker, a: int, b: int) -> int:
        seq = j.pay(a, b, 5)
        j.commit()
        j.row(seq)[name] = value
        return seq

    return plan


def _vector(slot: int, value: float) -> Plan:
    """A payment with another number in its vector."""

    def plan(j: LifeMaker, a: int, b: int) -> int:
        seq = j.pay(a, b, 5)
        j.commit()
        numbers = list(struct.unpack("<64e", j.row(seq)["features"]))
        numbers[slot] = value
        j.row(seq)["features"] = struct.pack("<64e", *numbers)
        return seq

    return plan


def _with_vector(j: LifeMaker, a: int, _: int) -> int:
    seq = j.deposit(a, 5)
    j.commit()
    j.row(seq)["features"] = bytes(127) + b"\1"
    return seq


VECTORS: list[tuple[str, Plan, str]] = [
    ("an attempt without a vector", _spoil("features", None), "features"),
    ("a vector that is too short", _spoil("features", bytes(126)), "features"),
    ("an attempt without a registry", _spoil("feature_registry", 0), "features"),
    ("a vector of a deposit", _with_vector, "features"),
    ("a value that is no number", _vector(20, float("nan")), "features"),
    ("an infinite value", _vector(63, float("inf")), "features"),
    ("another amount in the vector", _vector(0, 9.0), "features"),
    ("another hour in the vector", _vector(2, 0.25), "features"),
    ("another weekday in the vector", _vector(3, 0.0), "features"),
    ("another type in the vector", _vector(4, 2.0), "features"),
    ("another channel in the vector", _vector(5, 2.0), "features"),
    ("a channel that does not exist", _spoil("channel", 9), "range"),
    ("a latitude beyond the pole", _spoil("latitude_e4", 900_001), "range"),
    ("factors that do not make the verification", _spoil("verification", 1), "verdicts"),
]


def _scored(score: float, **values: Any) -> Plan:
    """A payment that passes with a score."""
    return lambda j, a, b: _with_model(j).pay(a, b, 5, score=score, **values)


def _with_model(j: LifeMaker) -> LifeMaker:
    j.publish_model()
    return j


VERDICTS: list[tuple[str, Plan, str]] = [
    ("a score without a model", lambda j, a, b: j.pay(a, b, 5, score=0.1), "verdicts"),
    ("a score above 1", _scored(1.5), "verdicts"),
    ("a payment that should have been blocked", _scored(0.75), "verdicts"),
    ("a payment that should have been challenged", _scored(0.375), "verdicts"),
    ("one kind of factor is not enough", _scored(0.375, factors=3, verification=1), "verdicts"),
    ("factors pass no block", _scored(0.8, factors=5, verification=2), "verdicts"),
    ("a payment that should have been reviewed", _scored(0.5), "state"),
    ("a block without a reason", lambda j, a, b: _with_model(j).decline(a, b, 5, Reason.RISK_BLOCKED, score=0.5), "verdicts"),
    ("a block below the threshold of its type", lambda j, a, b: _with_model(j).decline(
        a, b, 5, Reason.RISK_BLOCKED, score=0.8, payment_type=PaymentType.PURCHASE), "verdicts"),
    ("a challenge without a reason", lambda j, a, b: _with_model(j).challenge(a, b, 5, 0.25), "verdicts"),
    ("a challenge that was passed", lambda j, a, b: _with_model(j).challenge(a, b, 5, 0.375, factors=5, verification=2), "verdicts"),
    ("a challenge without a model", lambda j, a, b: j.challenge(a, b, 5, 0.0), "verdicts"),
    ("a challenge that holds", lambda j, a, b: _with_model(j).challenge(a, b, 5, 0.375, held_minor=5), "declined"),
    ("a challenge with another reason", lambda j, a, b: _with_model(j).challenge(a, b, 5, 0.375, reason=Reason.OK), "state"),
    ("a refusal that asks for verification",
     lambda j, a, b: _with_model(j).decline(a, b, 5, Reason.VERIFICATION_NEEDED, score=0.375), "verdicts"),
    ("no more reviews, but it should have been blocked",
     lambda j, a, b: _with_model(j).decline(a, b, 5, Reason.REVIEWS_FULL, score=0.8), "verdicts"),
]  # fmt: skip


def _another_version(j: LifeMaker, a: int, b: int) -> int:
    seq = _with_model(j).pay(a, b, 5, score=0.1)
    j.commit()
    j.row(seq)["model_version"] = 2
    return seq


def _after_withdrawal(j: LifeMaker, a: int, b: int) -> int:
    _with_model(j).publish_model(Option.MODEL_WITHDRAWN)
    j.model = 1
    return j.pay(a, b, 5)


def _counted_anew(j: LifeMaker, *_: int) -> int:
    _with_model(j).publish_model(Option.MODEL_WITHDRAWN)
    j.models = 0
    return j.publish_model()


MODELS: list[tuple[str, Plan, str]] = [
    ("a model without approval", lambda j, *_: j.publish_model(approval_1=0, approval_2=0), "approvals"),
    ("a model approved by its maker", lambda j, *_: j.publish_model(approval_1=1), "approvals"),
    ("a model by a stranger", lambda j, *_: j.publish_model(flags=0), "ownership"),
    ("a model of no name", lambda j, *_: j.publish_model(side=b'{"name":"x"}'), "models"),
    ("a model without a side record", lambda j, *_: j.publish_model(side=b""), "models"),
    ("a model by another option", lambda j, *_: j.publish_model(option=Option.LABEL_FRAUD, model_version=1), "range"),
    ("a version out of turn", _counted_anew, "models"),
    ("a payment by another model", _another_version, "models"),
    ("a payment by a model that was withdrawn", _after_withdrawal, "models"),
    ("a deposit with a model", lambda j, a, _: _with_model(j).deposit(a, 5, model_version=1), "models"),
]


def _label(option: Option = Option.LABEL_FRAUD, before: tuple[Option, ...] = (), **values: Any) -> Plan:
    """A label after others, with other values than right ones."""

    def plan(j: LifeMaker, a: int, b: int) -> int:
        payment = j.pay(a, b, 5, device=9)
        j.commit()
        for other in before:
            j.label(payment, other)
        return j.label(payment, option, **values)

    return plan


def _refused(option: Option, reason: Reason, before: tuple[Option, ...] = ()) -> Plan:
    def plan(j: LifeMaker, a: int, b: int) -> int:
        payment = j.pay(a, b, 5)
        for other in before:
            j.label(payment, other)
        j.commit()
        return j.refuse_label(payment, option, reason)

    return plan


LABELS: list[tuple[str, Plan, str]] = [
    ("a label that says less than there was", _label(before=(Option.LABEL_GENUINE,), was=0), "labels"),
    ("a label that says another one before", _label(was=int(Option.LABEL_GENUINE)), "labels"),
    ("the same label again", _label(before=(Option.LABEL_FRAUD,)), "labels"),
    ("nothing revoked", _label(Option.LABEL_NONE), "labels"),
    ("a label with another device", _label(device=8), "labels"),
    ("a label with another payer's", _label(payee_account=16), "labels"),
    ("a label with another time", _label(from_us=5), "labels"),
    ("a label of another type", _label(payment_type=3), "labels"),
    ("a label that moves", _label(moved_minor=1), "payments"),
    ("a label by a stranger", _label(client=2), "ownership"),
    ("a label by another option", _label(option=Option.MODEL_IN_FORCE), "range"),
    ("a label of a deposit", lambda j, a, _: j.label(j.deposit(a, 5), Option.LABEL_FRAUD), "labels"),
    ("a label of what comes later", _label(ref_seq=10**6), "labels"),
    ("a label of the lane's own row", _label(ref_seq=1), "labels"),
    ("a label as a step of its payment", _label(ref_prev_seq=3), "links"),
    ("a refused label that names a payer",
     lambda j, a, _: j.refuse_label(j.deposit(a, 5), Option.LABEL_FRAUD, Reason.NOT_LABELLABLE, customer=1), "labels"),
    ("a label refused that was new", _refused(Option.LABEL_FRAUD, Reason.LABEL_UNCHANGED), "labels"),
    ("labels full, but it has one", _refused(Option.LABEL_NONE, Reason.LABELS_FULL, (Option.LABEL_FRAUD,)), "labels"),
    ("a payment that can be labelled", _refused(Option.LABEL_FRAUD, Reason.NOT_LABELLABLE), "labels"),
]  # fmt: skip
FAULTS: Final = [*VECTORS, *VERDICTS, *MODELS, *LABELS]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("name", "plan", "check"), FAULTS, ids=[name for name, _, _ in FAULTS])
def test_a_planted_fault_is_found(emptied: Database, verified: Verify, name: str, plan: Plan, check: str) -> None:
    journal = LifeMaker()
    a, b = journal.fund(amount=300_000), journal.fund(amount=300_000)
    seq = plan(journal, a, b)
    journal.commit()
    store(emptied, journal)
    report = verified()
    words = "\n".join(as_words(report, 1.0))
    assert report.findings, name
    assert report.findings[0].seq == seq, words
    assert (check, seq) in {(finding.check, finding.seq) for finding in report.findings}, words


def test_test_values_go_before_the_score(emptied: Database, verified: Verify) -> None:
    """What a sandbox forces is no fault, whatever the score says."""
    journal = _with_model(LifeMaker())
    a, b = journal.fund(), journal.fund()
    journal.hold(a, b, 5)
    row = journal._batch[-1]
    row |= {"score": 0.9, "option": FORCE_STATE + State.HELD}
    journal.challenge(a, b, 5, 0.0, option=FORCE_STATE + State.CHALLENGE)
    journal.decline(a, b, 5, Reason.RISK_BLOCKED, option=FORCE_REASON + Reason.RISK_BLOCKED)
    journal.decline(a, b, 5, Reason.VERIFICATION_NEEDED, score=0.9, option=FORCE_REASON + Reason.VERIFICATION_NEEDED)
    journal.commit()
    store(emptied, journal)
    assert not verified().findings


def test_without_a_score_the_policy_decides(emptied: Database, verified: Verify) -> None:
    journal = LifeMaker()
    a, b = journal.fund(amount=300_000), journal.fund()
    _with_model(journal).pay(a, b, 5, score=-1.0)
    journal.publish(replace(journal.policy, without_score="block"))
    journal.decline(a, b, 5, Reason.RISK_BLOCKED, score=-1.0)
    wrong = journal.pay(a, b, 5, score=-1.0)
    journal.commit()
    store(emptied, journal)
    assert [(f.check, f.seq) for f in verified().findings] == [("verdicts", wrong)]


def test_the_maturity_of_labels_stays(emptied: Database, verified: Verify) -> None:
    journal = LifeMaker()
    seq = journal.publish(replace(journal.policy, label_maturity_s=86_400))
    journal.commit()
    store(emptied, journal)
    assert [(f.check, f.seq) for f in verified().findings] == [("policy", seq)]
    assert checks(verified()) == {"policy"}
