"""Storing an uploaded model, and saying which one is in force."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from penstock.contracts.commands import Query
from penstock.contracts.lane_port import model_answer
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.kit.http.problem import Problem
from penstock.prepare.models import rules, store
from penstock.prepare.models.rules import Checked
from penstock.prepare.models.store import Connection
from penstock.prepare.models.views import InForceView, in_force_view

_SECOND_US = 1_000_000


class Uploaded(NamedTuple):
    """The hash of an uploaded model, and whether it is new."""

    sha256: bytes
    new: bool


async def upload(office: Office, body: bytes, maturity_s: int, principal: Principal) -> Uploaded:
    """Check and store a model; the same one again is stored once.

    :param maturity_s: that of the policy in force.
    :raises Problem: 400 or 422 for what is no model or does not fit, 409 when as many are stored as may be, or when
        the ONNX file is stored with another card.
    """
    checked = await asyncio.to_thread(rules.read_upload, body, maturity_s * _SECOND_US)
    async with office.connection() as connection:
        known = await store.is_same(connection, checked)
        if known is None:
            if await store.count(connection) >= office.settings.models_max:
                raise _full(office.settings.models_max)
            if await store.add(connection, checked, office.now(), principal.person):
                return Uploaded(checked.sha256, new=True)
            known = await store.is_same(connection, checked)  # somebody else was faster
    if not known:
        raise _differs(checked)
    return Uploaded(checked.sha256, new=False)


async def in_force(connection: Connection, reading: Reading, principal: Principal) -> tuple[InForceView | None, int]:
    """The newest publication or withdrawal, as the lane has it; and as of which sequence."""
    payload, as_of_seq = await reading.ask(Query.MODEL, principal, 0)
    assert payload is not None  # the lane answers whoever asks
    seq = model_answer(payload).seq
    return in_force_view(await store.change(connection, reading.lane_number, seq) if seq else None), as_of_seq


def _full(most: int) -> Problem:
    detail = f"At most {most} models are stored, and none is ever deleted. Nothing was done; the setting is models_max."
    return Problem(409, "models_full", "Too many models are stored", detail)


def _differs(checked: Checked) -> Problem:
    detail = (
        f"The ONNX file {checked.sha256.hex()} is stored with another card or native file, and models are never changed. "
        "Nothing was done; publish the stored one, or train again."
    )
    return Problem(409, "model_differs", "This model is stored already, with other files beside it", detail)
