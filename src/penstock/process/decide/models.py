"""The model in force: loaded from the database when it is published, and again when the lane starts."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import psycopg
import structlog

from penstock.contracts.features import REGISTRY_VERSION
from penstock.contracts.reasons import Reason
from penstock.journal import reader
from penstock.journal.models import read_model
from penstock.process.decide.scoring import BadModel, Scorer

_log = structlog.get_logger("decide")


class Candidate(NamedTuple):
    """A model that may be put in force: ``reason`` says why not, 0 = it may."""

    scorer: Scorer | None  # None = no model
    reason: int = 0


class _Wish(msgspec.Struct):
    """The side record of ``publish_model``."""

    sha256: str
    name: str = ""


def load(connection: psycopg.Connection[Any], body: bytes, maturity_us: int) -> Candidate:
    """The model that the side record of a publication names, ready to score."""
    try:
        wish = msgspec.json.decode(body, type=_Wish)
        stored = read_model(connection, bytes.fromhex(wish.sha256))
    except (msgspec.DecodeError, ValueError) as error:
        _log.warning("model not found", reason=str(error))
        return Candidate(None, Reason.MODEL_UNKNOWN)
    if stored is None:
        return Candidate(None, Reason.MODEL_UNKNOWN)
    if stored.registry != REGISTRY_VERSION or stored.maturity_us != maturity_us:
        _log.warning("model refused", sha256=wish.sha256, registry=stored.registry, maturity_us=stored.maturity_us)
        return Candidate(None, Reason.MODEL_REFUSED)
    try:
        return Candidate(Scorer(stored.onnx))
    except BadModel as error:
        _log.warning("model refused", sha256=wish.sha256, reason=str(error))
        return Candidate(None, Reason.MODEL_REFUSED)


def in_force(connection: psycopg.Connection[Any], lane: int, seq: int, maturity_us: int) -> Candidate:
    """The model that the row ``seq`` put in force; it was good then, and must be now.

    :raises RuntimeError: when it is not: somebody must look.
    """
    body = reader.read_side(connection, lane, seq)
    candidate = Candidate(None, Reason.MODEL_UNKNOWN) if body is None else load(connection, body, maturity_us)
    if candidate.reason != 0:
        raise RuntimeError(
            f"the model published at {seq} cannot be used ({Reason(candidate.reason).name.lower()}); "
            "restore the table model, or run the version of Penstock that published it and withdraw it"
        )
    return candidate
