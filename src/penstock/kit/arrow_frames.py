"""What an Arrow IPC stream says of itself, read before anybody acts on it: messages, rows, places of buffers.

A reader that trusts a stream allocates what it declares and follows its offsets. So the frames are walked here first,
in plain Python that can only fail, and held to a strict part of the format: one schema, then each dictionary once and
whole, then record batches; no compression, no deltas, every buffer inside its message.

Sources: Apache Arrow, *Columnar Format*, "Serialization and Interprocess Communication" with ``Message.fbs`` and
``Schema.fbs``; Google, *FlatBuffers Internals*. The slots below are the places of fields in those tables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"
#: Longest header of a message. A schema of 26 columns has 4 KiB, with what pandas adds 10 KiB.
_MOST_HEADER_BYTES: Final = 32_768
_CONTINUES: Final = 0xFFFFFFFF
_ALIGNMENT: Final = 8
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_WORDS: Final = {_SCHEMA: "a schema", _DICTIONARY: "a dictionary", _RECORDS: "a record batch"}
#: Message: header's type and header, body length. Schema: byte order. DictionaryBatch: id, data, delta.
_HEADER_TYPE, _HEADER, _BODY_BYTES = 1, 2, 3
_BYTE_ORDER: Final = 0
_ID, _DATA, _DELTA = 0, 1, 2
#: RecordBatch: length, nodes (length, nulls), buffers (offset, length), compression.
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3
_PAIR_BYTES: Final = 16


class BadStream(ValueError):
    """The bytes are no such stream; the message says what is wrong and what to do."""


class Frames(NamedTuple):
    """What a stream holds: rows of each record batch, entries of each dictionary."""

    rows: tuple[int, ...]
    words: tuple[int, ...]


def walk(stream: bytes, most_messages: int) -> Frames:
    """Read the frames of a whole stream.

    :param most_messages: its schema, dictionaries and record batches together.
    :raises BadStream: when it is none, or goes beyond the strict part.
    """
    try:
        return _walk(stream, most_messages)
    except struct.error as error:
        raise BadStream("a header of the stream points outside itself; write it anew") from error


def _walk(stream: bytes, most_messages: int) -> Frames:
    rows: list[int] = []
    words: dict[int, int] = {}
    begun = False
    for number, (message, body_bytes) in enumerate(_messages(stream)):
        if number == most_messages:
            raise BadStream(f"the stream has more than {most_messages} messages; send fewer and larger record batches")
        kind, header = message.number(_HEADER_TYPE, "<B"), message.table(_HEADER)
        if header is None or (kind == _SCHEMA) == begun or (kind == _DICTIONARY and rows) or kind not in _WORDS:
            found = _WORDS.get(kind, "another message")
            raise BadStream(f"{found} stands where none may; send one schema, then its dictionaries, then record batches")
        begun = True
        if kind == _SCHEMA:
            if header.number(_BYTE_ORDER, "<h") or body_bytes:
                raise BadStream("the schema has a body, or asks for big-endian numbers; write the stream little-endian")
        elif kind == _DICTIONARY:
            name, count = _dictionary(header, body_bytes)
            if name in words:
                raise BadStream("a dictionary comes twice; send each one once, before the first record batch")
            words[name] = count
        else:
            rows.append(_records(header, body_bytes))
    if not begun:
        raise BadStream("the stream is empty; it begins with a schema")
    return Frames(tuple(rows), tuple(words.values()))


def _messages(stream: bytes) -> Iterator[tuple[_Table, int]]:
    """Each message with the size of its body."""
    place = 0
    while place < len(stream):
        mark, header_bytes = struct.unpack_from("<II", stream, place)
        if mark != _CONTINUES:
            raise BadStream("a message begins without its mark FFFFFFFF; write the stream with Arrow 0.15 or newer")
        place += 8
        if header_bytes == 0:
            if place != len(stream):
                raise BadStream("bytes follow the end of the stream; send one stream and nothing else")
            return
        if header_bytes > _MOST_HEADER_BYTES or header_bytes % _ALIGNMENT:
            raise BadStream(f"a header has {header_bytes} bytes; at most {_MOST_HEADER_BYTES} in multiples of 8 can be")
        message = _root(stream[place : place + header_bytes])
        body_bytes = message.number(_BODY_BYTES, "<q")
        place += header_bytes
        if body_bytes % _ALIGNMENT or not 0 <= body_bytes <= len(stream) - place:
            raise BadStream(f"a message declares a body of {body_bytes} bytes that is not there; send the whole stream")
        place += body_bytes
        yield message, body_bytes


def _dictionary(header: _Table, body_bytes: int) -> tuple[int, int]:
    """The id of a dictionary and how many entries it has."""
    data = header.table(_DATA)
    if data is None or header.number(_DELTA, "<B"):
        raise BadStream("a dictionary is empty or a delta; send each dictionary once and whole")
    return header.number(_ID, "<q"), _records(data, body_bytes)


def _records(header: _Table, body_bytes: int) -> int:
    """The rows of a record batch, whose nodes and buffers must be plausible."""
    rows = header.number(_LENGTH, "<q")
    if header.table(_COMPRESSION) is not None:
        raise BadStream("the buffers are compressed; write the stream without compression")
    for length, nulls in header.pairs(_NODES):
        if rows < 0 or not 0 <= nulls <= length:
            raise BadStream(f"a column declares {length} rows and {nulls} nulls in a batch of {rows} rows")
    for offset, length in header.pairs(_BUFFERS):
        if offset < 0 or length < 0 or offset + length > body_bytes or offset % _ALIGNMENT:
            raise BadStream(f"a buffer of {length} bytes at {offset} does not lie in its message's {body_bytes} bytes")
    return rows


class _Table:
    """A table of a flatbuffer. Reading outside the buffer raises ``struct.error``."""

    def __init__(self, buffer: bytes, place: int) -> None:
        self._buffer = buffer
        self._place = place
        self._slots = place - self._at("<i", place)
        self._slots_bytes = self._at("<H", self._slots)

    def number(self, slot: int, form: str) -> int:
        """A number, 0 where none is written."""
        place = self._field(slot)
        return self._at(form, place) if place else 0

    def table(self, slot: int) -> _Table | None:
        """Another table, None where none is written."""
        place = self._field(slot)
        return _Table(self._buffer, place + self._at("<I", place)) if place else None

    def pairs(self, slot: int) -> Iterator[tuple[int, int]]:
        """A vector of pairs of 64-bit numbers."""
        place = self._field(slot)
        if place:
            place += self._at("<I", place)
            end = place + 4 + _PAIR_BYTES * self._at("<I", place)
            if end > len(self._buffer):
                raise struct.error("a vector is longer than its buffer")
            yield from struct.iter_unpack("<qq", self._buffer[place + 4 : end])

    def _field(self, slot: int) -> int:
        """Where a field lies, 0 when it is not written."""
        entry = 4 + 2 * slot
        offset = self._at("<H", self._slots + entry) if entry < self._slots_bytes else 0
        return self._place + offset if offset else 0

    def _at(self, form: str, place: int) -> int:
        if place < 0:
            raise struct.error("a place before the buffer")
        (number,) = struct.unpack_from(form, self._buffer, place)
        return int(number)


def _root(buffer: bytes) -> _Table:
    (place,) = struct.unpack_from("<I", buffer, 0)
    return _Table(buffer, place)
