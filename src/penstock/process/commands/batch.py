"""The batch: many commands in one request, as JSON, or payments in columns as an Arrow stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import REPLY, Kind, Status
from penstock.contracts.principal import Principal
from penstock.kit.arrow_frames import MEDIA_TYPE as ARROW
from penstock.kit.http.asgi import JSON, Answer, Media
from penstock.kit.http.problem import Problem, from_decoding, wrong_field
from penstock.process.commands import access, bodies, store
from penstock.process.commands.bodies import Body
from penstock.process.commands.columns import answers
from penstock.process.commands.columns.from_items import translate_items
from penstock.process.commands.columns.reading import read
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.outcome import ROW_FIELDS, outcomes
from penstock.process.commands.services import Services, spare_old_ids, terms_of
from penstock.process.commands.translate import FIXES, kind_of

_BATCH: Final[msgspec.json.Decoder[list[bodies.Item]]] = msgspec.json.Decoder(list[bodies.Item])
#: Other forms of columns, which somebody may take for the one that is meant.
_NOT_TAKEN: Final = frozenset({
    "application/vnd.apache.arrow.file", "application/vnd.apache.parquet", "application/vnd.apache.feather",
})  # fmt: skip


class _Asked(NamedTuple):
    """A batch that has been read: ``COMMAND`` records (n,), payloads or None, and the ids as texts if they came so."""

    commands: NDArray[Any]
    payloads: Sequence[bytes] | None
    ids: Sequence[str] | None


class BatchRoute:
    """Many commands in one request, carried out in order, each with its own outcome."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, principal: Principal, named: str, body: bytes, media: Media = JSON) -> Answer:  # noqa: ARG002 - items name theirs
        """Carry the commands out; a malformed one means that none is.

        :param media: in which form the body comes, and in which one the outcomes are wanted.
        :raises Problem: when nothing was done, or the outcome of some is unknown.
        """
        services = self._services
        services.lane.let_in_batch()
        asked, in_columns = self._read(principal, body, media.sent), media.wants(ARROW)
        if in_columns and (asked.commands["kind"] != Kind.PAY).any():
            detail = "Only payments have outcomes in columns. Nothing was done; send an Accept of application/json."
            raise Problem(406, "not_in_columns", "These outcomes cannot be written in columns", detail)
        replies = np.zeros(0, REPLY)
        if len(asked.commands):
            spare_old_ids(services, asked.commands["id_hi"])
            replies = await _completed(services, await services.lane.ask_many(asked.commands, asked.payloads))
        if in_columns:
            return Answer(200, answers.encode(replies, asked.commands, services.ids), ARROW)
        ids = _id_texts(asked.commands) if asked.ids is None else asked.ids
        return Answer(200, msgspec.json.encode(outcomes(replies, ids, services.ids)))

    def _read(self, principal: Principal, body: bytes, media_type: str) -> _Asked:
        services = self._services
        if media_type in _NOT_TAKEN:
            detail = f"Send JSON, or payments in columns as {ARROW}: an Arrow IPC stream, not a file. Nothing was done."
            raise Problem(415, "unsupported_media_type", "The body comes in a form that is not read here", detail)
        if media_type == ARROW:
            access.check(principal, [Kind.PAY])
            parts = read(body, services.settings.batch_commands)
            return _Asked(*translate_parts(parts, services.ids, terms_of(services, principal)), None)
        items = self._decode(body)
        access.check(principal, {kind_of(item) for item in items})
        return _Asked(*translate_items(items, services.ids, terms_of(services, principal)), [item.id for item in items])

    def _decode(self, body: bytes) -> Sequence[Body]:
        try:
            items = _BATCH.decode(body)
        except msgspec.DecodeError as error:
            raise from_decoding(error, "items", FIXES) from error
        except RecursionError as error:
            raise wrong_field("items", "nested too deeply", "send values as /docs describes them") from error
        most = self._services.settings.batch_commands
        if len(items) > most:
            detail = f"{len(items)} commands; at most {most} go into one batch. Nothing was done; send several batches."
            raise Problem(413, "batch_too_large", "The batch is too large", detail)
        return items


def _id_texts(commands: NDArray[Any]) -> list[str]:
    """The ids of commands as callers write them in JSON."""
    digits = answers.command_ids(commands).tobytes().hex()
    ids = [digits[start : start + 32] for start in range(0, len(digits), 32)]
    return [f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}" for d in ids]


async def _completed(services: Services, replies: NDArray[Any]) -> NDArray[Any]:
    """Complete replayed replies from the journal's rows of the first time."""
    places = np.flatnonzero(replies["status"] == Status.REPLAYED)
    if not len(places):
        return replies
    async with services.journal() as connection:
        found = await store.rows(connection, services.settings.lane, replies["seq"][places].tolist())
    completed = replies.astype(REPLY)
    for place in places:
        row = found[int(replies["seq"][place])]
        for field, value in zip(ROW_FIELDS, row, strict=True):
            completed[field][place] = value
    return completed
