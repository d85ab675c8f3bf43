"""What models look like to a caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.contracts.words import time_text
from penstock.office.approvals.views import RequestView
from penstock.prepare.models.store import Change, Listed


class ModelView(msgspec.Struct, frozen=True):
    """A stored model, named by the SHA-256 of its ONNX file. A payment older than ``maturity_s`` without a label counts as genuine."""

    model: str
    name: str
    registry: int
    maturity_s: float
    onnx_bytes: int
    native_bytes: int
    uploaded: str
    uploaded_by: str
    in_force: bool


class InForceView(msgspec.Struct, frozen=True):
    """What the newest publication or withdrawal said; ``model`` is null and ``version`` 0 since a withdrawal."""

    model: str | None
    name: str | None
    version: int
    since: str
    seq: int
    reason: str | None
    asked_by: str | None
    approved_by: list[str]


class ModelPage(msgspec.Struct, frozen=True):
    """Models, newest first, and the one in force (null = there has never been one); ``next_cursor`` is null at the end.

    ``approvals_pending``: requests to withdraw the model in force. Those to publish a model are with the model.
    """

    in_force: InForceView | None
    approvals_pending: list[RequestView]
    models: list[ModelView]
    next_cursor: str | None
    as_of_seq: int


class ModelDetail(msgspec.Struct, frozen=True):
    """A model with its card, as ``penstock train`` wrote it, and the requests to publish it that wait."""

    model: ModelView
    card: dict[str, Any]
    in_force: InForceView | None
    approvals_pending: list[RequestView]
    as_of_seq: int


class _Said(msgspec.Struct):
    """The side record of a publication or withdrawal."""

    sha256: str | None = None
    name: str | None = None
    reason: str | None = None


def in_force_view(change: Change | None) -> InForceView | None:
    """Show the row that put a model in force or withdrew it."""
    if change is None:
        return None
    said = msgspec.json.decode(change.side, type=_Said) if change.side else _Said()
    return InForceView(
        said.sha256, said.name, change.model_version, time_text(change.time_us), change.seq, said.reason, change.maker,
        change.approvers,
    )  # fmt: skip


def model_view(listed: Listed, in_force: InForceView | None) -> ModelView:
    """Show a stored model beside the one in force."""
    name = listed.sha256.hex()
    return ModelView(
        name, listed.name, listed.registry, listed.maturity_us / 1e6, listed.onnx_bytes, listed.native_bytes,
        _text(listed.uploaded_at), listed.uploaded_by, in_force is not None and in_force.model == name,
    )  # fmt: skip


def _text(time: datetime) -> str:
    return time_text(round(time.astimezone(UTC).timestamp() * 1_000_000))
