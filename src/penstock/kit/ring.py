"""A bounded ring in shared memory between one edge and the lane, with wake-ups over a Unix socket.

The edge makes the memory and passes it to the lane over the socket, so it has no name, and goes
when both have gone. The socket then carries single wake-up bytes, and its end tells each side that
the other has died. Commands and replies are fixed-width records; text travels beside them in one
payload place per slot. The edge never has more commands in flight than there are slots, so replies
always find room and the lane never waits for an edge.

Each counter is written by one side only, after the records it covers. That is enough on x86-64 and
under CPython; ``_fence`` orders a counter's store before the load of the other side's sleep flag.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import socket
import struct
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Bytes of payload that one reply can carry.
REPLY_PAYLOAD_BYTES: Final = 4096
_HELLO: Final = struct.Struct("<4sIIII")
_MAGIC: Final = b"PSK1"
_HEADER_BYTES: Final = 4096
# places of the counters in the header, one cache line apart
_SENT, _TAKEN, _REPLIED, _RECEIVED, _LANE_SLEEPS, _EDGE_TOLD = range(0, 48, 8)


class LaneAway(ConnectionError):
    """No lane listens, or it has gone: commands in flight have an unknown outcome."""


class Memory:
    """The shared memory of one edge, as arrays: ``counters``, ``commands``, ``replies`` and payload places."""

    def __init__(self, fd: int, slots: int, payload_bytes: int, command: np.dtype[Any], reply: np.dtype[Any]) -> None:
        self.slots = slots
        parts = [
            ("counters", np.dtype("i8"), (_HEADER_BYTES // 8,)),
            ("commands", command, (slots,)),
            ("replies", reply, (slots,)),
            ("command_payloads", np.dtype("u1"), (slots, payload_bytes)),
            ("reply_payloads", np.dtype("u1"), (slots, REPLY_PAYLOAD_BYTES)),
        ]
        sizes = [-(-int(np.prod(shape)) * dtype.itemsize // 64) * 64 for _, dtype, shape in parts]
        if os.fstat(fd).st_size < sum(sizes):
            os.ftruncate(fd, sum(sizes))
        self._map = mmap.mmap(fd, sum(sizes))
        arrays: dict[str, NDArray[Any]] = {}
        offset = 0
        for (name, dtype, shape), size in zip(parts, sizes, strict=True):
            arrays[name] = np.ndarray(shape, dtype, self._map, offset)
            offset += size
        self.counters = arrays["counters"]
        self.commands = arrays["commands"]
        self.replies = arrays["replies"]
        self.command_payloads = arrays["command_payloads"]
        self.reply_payloads = arrays["reply_payloads"]


_barrier = threading.Lock()


def _fence() -> None:
    """Order earlier stores before later loads: taking a lock is an atomic, hence a full barrier on x86-64."""
    with _barrier:
        return


def _spans(first: int, count: int, slots: int) -> list[tuple[slice, slice]]:
    """Where records ``first … first + count`` of the stream lie: (slice of the batch, slice of the ring)."""
    place = first % slots
    until_end = min(count, slots - place)
    spans = [(slice(0, until_end), slice(place, place + until_end))]
    if count > until_end:
        spans.append((slice(until_end, count), slice(0, count - until_end)))
    return spans


def _copy_out(ring: NDArray[Any], first: int, count: int) -> NDArray[Any]:
    out = np.empty(count, ring.dtype)
    for here, there in _spans(first, count, len(ring)):
        whole(out)[here] = whole(ring)[there]
    return out


def _copy_in(ring: NDArray[Any], first: int, records: NDArray[Any]) -> None:
    assert records.dtype == ring.dtype, "what is copied as bytes has one layout on both sides"
    for here, there in _spans(first, len(records), len(ring)):
        whole(ring)[there] = whole(records)[here]


def whole(records: NDArray[Any]) -> NDArray[Any]:
    """The same records as plain bytes: numpy copies a record field by field, which takes 25 times as long."""
    return records.view(np.dtype((np.void, records.dtype.itemsize)))


class RingClient:
    """The edge's side."""

    def __init__(self, connection: socket.socket, memory: Memory) -> None:
        self._socket = connection
        self._memory = memory
        self._command_bytes = memory.commands.view(np.uint8).data
        self._sent = 0
        self._received = 0

    @classmethod
    def connect(
        cls, socket_path: Path, *, slots: int, payload_bytes: int, command: np.dtype[Any], reply: np.dtype[Any]
    ) -> RingClient:
        """Make a ring and hand it to the lane that listens at ``socket_path``.

        :raises LaneAway: when none listens.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fd = _anonymous_file()
        try:
            connection.connect(str(socket_path))
            memory = Memory(fd, slots, payload_bytes, command, reply)
            hello = _HELLO.pack(_MAGIC, slots, payload_bytes, command.itemsize, reply.itemsize)
            socket.send_fds(connection, [hello], [fd])
        except OSError as error:
            connection.close()
            raise LaneAway(f"no lane listens at {socket_path}: {error}") from error
        finally:
            os.close(fd)
        connection.setblocking(False)
        return cls(connection, memory)

    def fileno(self) -> int:
        """Readable when replies wait or the lane has gone."""
        return self._socket.fileno()

    @property
    def in_flight(self) -> int:
        """Commands sent whose reply has not been received."""
        return self._sent - self._received

    def send(self, commands: NDArray[Any], payloads: Sequence[bytes] | None = None) -> int:
        """Send as many commands as there is room for, from the front; never blocks.

        :returns: how many were taken; 0 means that the ring is full.
        :raises LaneAway: when the lane has gone.
        """
        memory = self._memory
        count = min(len(commands), memory.slots - self.in_flight)
        if count <= 0:
            return 0
        if payloads is not None:
            self._put_payloads(payloads[:count])
        _copy_in(memory.commands, self._sent, commands[:count])
        self._show(count)
        return count

    def send_few(self, records: Sequence[bytes], payloads: Sequence[bytes]) -> int:
        """As ``send``, for commands that are bytes: numpy would cost more than the copying.

        :raises LaneAway: when the lane has gone.
        """
        memory = self._memory
        count = min(len(records), memory.slots - self.in_flight)
        if count <= 0:
            return 0
        self._put_payloads(payloads[:count])
        size = memory.commands.itemsize
        for position, record in enumerate(records[:count], start=self._sent):
            place = position % memory.slots * size
            self._command_bytes[place : place + size] = record
        self._show(count)
        return count

    def _show(self, count: int) -> None:
        """Let the lane see the next commands, which are written."""
        memory = self._memory
        self._sent += count
        memory.counters[_SENT] = self._sent
        _fence()
        if memory.counters[_LANE_SLEEPS]:
            self._wake()

    def _put_payloads(self, payloads: Sequence[bytes]) -> None:
        for position, payload in enumerate(payloads, start=self._sent):
            if payload:
                place = self._memory.command_payloads[position % self._memory.slots]
                place[: len(payload)] = np.frombuffer(payload, "u1")

    def _wake(self) -> None:
        try:
            self._socket.send(b"!")
        except BlockingIOError:
            return  # wake-ups are waiting already
        except OSError as error:
            raise LaneAway(f"the lane has gone: {error}") from error

    def receive(self) -> tuple[NDArray[Any], list[bytes]]:
        """Take all replies that wait, each with its payload (``b""`` = none).

        :raises LaneAway: when the lane has gone and no reply is left.
        """
        gone = self._drain()
        memory = self._memory
        memory.counters[_EDGE_TOLD] = 0
        _fence()
        count = int(memory.counters[_REPLIED]) - self._received
        if gone and not count:
            raise LaneAway("the lane has gone")
        replies = _copy_out(memory.replies, self._received, count)
        payloads = [b""] * count
        for i in np.flatnonzero(replies["payload_bytes"]):
            place = memory.reply_payloads[(self._received + int(i)) % memory.slots]
            payloads[int(i)] = place[: replies["payload_bytes"][i]].tobytes()
        self._received += count
        memory.counters[_RECEIVED] = self._received
        return replies, payloads

    def _drain(self) -> bool:
        try:
            while data := self._socket.recv(4096):
                if len(data) < 4096:
                    return False
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Leave: the lane drops what it has not taken yet."""
        self._socket.close()


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("penstock-ring")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Edge:
    """One connected edge, as the lane sees it."""

    def __init__(self, connection: socket.socket, memory: Memory) -> None:
        self.socket = connection
        self.memory = memory
        self._taken = 0
        self._replied = 0

    def waiting(self) -> int:
        """Commands that have been sent and not been taken."""
        return int(self.memory.counters[_SENT]) - self._taken

    def take(self, most: int) -> tuple[NDArray[Any], dict[int, bytes]]:
        """Take up to ``most`` commands and the payloads of those that have one, by position."""
        memory = self.memory
        count = min(self.waiting(), most)
        commands = _copy_out(memory.commands, self._taken, count)
        payloads = {}
        for i in np.flatnonzero(commands["payload_bytes"]):
            place = memory.command_payloads[(self._taken + int(i)) % memory.slots]
            payloads[int(i)] = place[: commands["payload_bytes"][i]].tobytes()
        self._taken += count
        memory.counters[_TAKEN] = self._taken
        return commands, payloads

    def reply(self, replies: NDArray[Any], payloads: dict[int, bytes]) -> None:
        """Answer; there is always room. A dead edge is noticed at the next wait."""
        memory = self.memory
        for i, payload in payloads.items():
            place = memory.reply_payloads[(self._replied + i) % memory.slots]
            place[: len(payload)] = np.frombuffer(payload, "u1")
            replies["payload_bytes"][i] = len(payload)
        _copy_in(memory.replies, self._replied, replies)
        self._replied += len(replies)
        memory.counters[_REPLIED] = self._replied
        _fence()
        if not memory.counters[_EDGE_TOLD]:
            memory.counters[_EDGE_TOLD] = 1
            self._wake()

    def _wake(self) -> None:
        try:
            self.socket.send(b"!")
        except OSError:
            return  # full: told already; broken: the next wait closes this edge

    def sleeps(self, asleep: bool) -> None:
        """Tell the edge whether the lane needs a wake-up."""
        self.memory.counters[_LANE_SLEEPS] = int(asleep)


class Bell:
    """Wakes who waits in ``RingServer.wait``, from any thread of the same process."""

    def __init__(self) -> None:
        self.heard, self._pulled = socket.socketpair()
        self.heard.setblocking(False)
        self._pulled.setblocking(False)

    def ring(self) -> None:
        """Wake the one who waits, or who is going to."""
        with contextlib.suppress(OSError):  # it rings already, or has been taken away
            self._pulled.send(b"!")

    def silence(self) -> None:
        """Stop ringing."""
        with contextlib.suppress(BlockingIOError):
            self.heard.recv(4096)

    def close(self) -> None:
        """Take the bell away."""
        self.heard.close()
        self._pulled.close()


class RingServer:
    """The lane's side: listens for edges, waits for commands."""

    def __init__(self, socket_path: Path, command: np.dtype[Any], reply: np.dtype[Any]) -> None:
        self._command, self._reply = command, reply
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh = socket_path.with_suffix(f".{os.getpid()}")
        fresh.unlink(missing_ok=True)
        self._listener.bind(str(fresh))
        self._listener.listen(64)
        fresh.replace(socket_path)  # the newest lane is the one that edges find
        self.edges: list[Edge] = []

    def wait(self, timeout_s: float, bell: Bell | None = None) -> None:
        """Return when commands wait, the bell was rung, an edge came or went, or the time is over."""
        if any(edge.waiting() for edge in self.edges):
            self._serve_sockets(0.0, bell)
            return
        for edge in self.edges:
            edge.sleeps(True)
        _fence()
        self._serve_sockets(0.0 if any(edge.waiting() for edge in self.edges) else timeout_s, bell)
        for edge in self.edges:
            edge.sleeps(False)

    def _serve_sockets(self, timeout_s: float, bell: Bell | None) -> None:
        by_socket: dict[socket.socket, Edge] = {edge.socket: edge for edge in self.edges}
        others = [self._listener] if bell is None else [self._listener, bell.heard]
        readable, _, _ = select.select([*others, *by_socket], [], [], timeout_s)
        for ready in readable:
            if bell is not None and ready is bell.heard:
                bell.silence()
            elif ready is self._listener:
                self._admit()
            elif not _still_there(ready):
                ready.close()
                self.edges.remove(by_socket[ready])

    def _admit(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(1.0)
        try:
            hello, fds, _, _ = socket.recv_fds(connection, _HELLO.size, 1)
            magic, slots, payload_bytes, command_size, reply_size = _HELLO.unpack(hello)
        except (OSError, struct.error):
            connection.close()
            return
        try:
            if (magic, command_size, reply_size) != (_MAGIC, self._command.itemsize, self._reply.itemsize):
                connection.close()
                return
            memory = Memory(fds[0], slots, payload_bytes, self._command, self._reply)
        finally:
            for fd in fds:
                os.close(fd)
        connection.setblocking(False)
        self.edges.append(Edge(connection, memory))

    def close(self) -> None:
        """Stop listening and drop all edges."""
        self._listener.close()
        for edge in self.edges:
            edge.socket.close()
        self.edges.clear()


def _still_there(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(4096))
    except BlockingIOError:
        return True
    except OSError:
        return False
