"""The writer: one batch, one transaction, and certainty about what became of it.

The commit is a compare-and-set on the lane's row. A writer whose epoch or position is not the
lane's any more has been *fenced* by a takeover: it must stop and answer nothing. After a lost
connection the lane's row tells what happened: my digest = committed; the one before = the same bytes
are sent again; anything else = the journal is not where this writer left it, and memory is worthless.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from numpy.typing import NDArray

from penstock.contracts.row import ENCODING_VERSION
from penstock.journal.digest import GENESIS, chain
from penstock.journal.keys import Keys, keys_of
from penstock.journal.layout import STORED, TABLE
from penstock.journal.sheets import Sheet, copy_stream, sheets_of

Connection = psycopg.Connection[Any]

_CLAIM: Final = """
    INSERT INTO lane AS mine (lane, epoch, last_seq, digest, time_us) VALUES (%(lane)s, 1, 0, %(genesis)s, 0)
    ON CONFLICT (lane) DO UPDATE SET epoch = mine.epoch + 1
    RETURNING epoch, last_seq, digest, time_us
"""
# The compare-and-set of a commit: what is inserted from "mine" exists only if the lane was mine and where I left it.
_MINE: Final = """
    WITH mine AS (
        UPDATE lane SET last_seq = %(last_seq)s, digest = %(digest)s, time_us = %(time_us)s
        WHERE lane = %(lane)s AND epoch = %(epoch)s AND last_seq = %(prev_seq)s
        RETURNING lane
    )
"""
_BATCH: Final = """
    INSERT INTO journal_batch (lane, first_seq, last_seq, epoch, encoding, digest)
    SELECT lane, %(first_seq)s, %(last_seq)s, %(epoch)s, %(encoding)s, %(digest)s FROM mine
"""
_KEYS: Final = """
    INSERT INTO journal_key (lane, first_seq, keys)
    SELECT mine.lane, page.first_seq, page.keys
    FROM mine, unnest(%(key_firsts)b::bigint[], %(keys)b::bytea[]) AS page (first_seq, keys)
"""
_ADVANCE: Final = f"{_MINE}, batch AS ({_BATCH}) {_KEYS}"
_COPY_SHEETS: Final = f"COPY {TABLE} ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)"
_COPY_SIDES: Final = "COPY journal_side (lane, seq, body) FROM STDIN (FORMAT BINARY)"
# A whole commit as one statement: one journey to the database instead of five, but more for each row than COPY takes.
_COMMIT_FEW: Final = f"""
    {_MINE}, batch AS ({_BATCH}), keys AS ({_KEYS}), sides AS (
        INSERT INTO journal_side (lane, seq, body)
        SELECT mine.lane, side.seq, side.body
        FROM mine, unnest(%(side_seqs)b::bigint[], %(sides)b::bytea[]) AS side (seq, body)
    )
    INSERT INTO {TABLE} (lane, first_seq, rows, records)
    SELECT mine.lane, sheet.first_seq, sheet.rows, sheet.records
    FROM mine, unnest(%(firsts)b::bigint[], %(counts)b::smallint[], %(records)b::bytea[]) AS sheet (first_seq, rows, records)
"""  # noqa: S608 - constants
_FEW_ROWS: Final = 64
_POSITION: Final = "SELECT epoch, last_seq, digest, time_us FROM lane WHERE lane = %(lane)s"
# Sessions of ours that have held a lane's row for longer than we waited for it.
_END_HOLDERS: Final = """
    SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE pid <> pg_backend_pid() AND usename = current_user AND relation = 'lane'::regclass
        AND mode = 'RowExclusiveLock' AND granted AND xact_start < now() - current_setting('lock_timeout')::interval
"""
_PARTITION_ENDS: Final = "SELECT end_seq FROM journal_partition WHERE lane = %(lane)s AND end_seq > %(last_seq)s ORDER BY end_seq"


class Fenced(Exception):
    """Another process owns the lane, or the journal has moved: nothing may be written or answered."""


class DatabaseAway(Exception):
    """The database could not be reached within the retry budget; what became of the batch is unknown."""


@dataclass(frozen=True)
class Position:
    """Where a lane's journal ends."""

    epoch: int
    last_seq: int
    digest: bytes
    time_us: int


class JournalWriter:
    """Owns a lane's end of the journal. ``connect`` makes a new connection in autocommit mode."""

    def __init__(self, connect: Callable[[], Connection], lane: int, retry_s: float) -> None:
        self._connect = connect
        self.lane = lane
        self._retry_s = retry_s
        self._log = structlog.get_logger("journal").bind(lane=lane)
        self.connection = self._reconnect()
        self.position = self._claim()
        self._ends: list[int] = []

    def _claim(self) -> Position:
        """Make the lane mine. A lane process that hangs within a commit holds the lane's row: its session is ended."""
        arguments = {"lane": self.lane, "genesis": GENESIS}
        try:
            row = self.connection.execute(_CLAIM, arguments).fetchone()
        except psycopg.errors.LockNotAvailable:
            ended = self.connection.execute(_END_HOLDERS).fetchall()
            self._log.warning("another lane process hangs within a commit; its session is ended", sessions=len(ended))
            row = self.connection.execute(_CLAIM, arguments).fetchone()
        assert row is not None
        return Position(row[0], row[1], bytes(row[2]), row[3])

    def commit(self, rows: NDArray[Any], sides: list[tuple[int, bytes]]) -> None:
        """Make a batch of rows (n > 0,), with its side records by sequence, durable.

        :raises Fenced: when the lane is not mine any more.
        :raises DatabaseAway: when the database stays away longer than the retry budget.
        """
        before = self.position
        assert int(rows["seq"][0]) == before.last_seq + 1
        digest = chain(before.digest, self.lane, rows)
        after = Position(before.epoch, int(rows["seq"][-1]), digest, int(rows["time_us"][-1]))
        ends = self._ends_up_to(after.last_seq)
        step, sheets = self._step(after, keys_of(rows, ends)), sheets_of(rows, ends)
        send = self._few(step, sheets, sides) if len(rows) <= _FEW_ROWS else self._many(step, sheets, sides)
        while True:
            try:
                if send() != len(sheets):
                    raise Fenced(f"lane {self.lane}: epoch {before.epoch} at {before.last_seq} is not the journal's end")
                break
            except psycopg.OperationalError as error:
                self._log.warning("commit interrupted", error=str(error).strip(), last_seq=after.last_seq)
                if self._is_committed(after):
                    break
        self.position = after

    def _few(self, step: dict[str, Any], sheets: list[Sheet], sides: list[tuple[int, bytes]]) -> Callable[[], int]:
        """How to commit a few rows; the sheets that were committed."""
        firsts, counts, records = zip(*sheets, strict=True)
        values = {
            **step, "firsts": list(firsts), "counts": list(counts), "records": [bytes(octets) for octets in records],
            "side_seqs": [seq for seq, _ in sides], "sides": [body for _, body in sides],
        }  # fmt: skip
        return lambda: self.connection.execute(_COMMIT_FEW, values, prepare=True).rowcount

    def _many(self, step: dict[str, Any], sheets: list[Sheet], sides: list[tuple[int, bytes]]) -> Callable[[], int]:
        """How to commit many rows; the sheets that were committed."""
        stream = copy_stream(self.lane, sheets)

        def send() -> int:
            with self.connection.transaction(), self.connection.cursor() as cursor:
                if cursor.execute(_ADVANCE, step).rowcount == 0:
                    return 0
                if sides:
                    self._copy_sides(cursor, sides)
                with cursor.copy(_COPY_SHEETS) as copy:
                    copy.write(stream)
                return cursor.rowcount

        return send

    def _step(self, after: Position, keys: list[Keys]) -> dict[str, Any]:
        """What a commit says of the lane: where it is, where it will be, and the keys of the rows between."""
        before = self.position
        return {
            "lane": self.lane, "epoch": before.epoch, "prev_seq": before.last_seq, "first_seq": before.last_seq + 1,
            "last_seq": after.last_seq, "digest": after.digest, "time_us": after.time_us, "encoding": ENCODING_VERSION,
            "key_firsts": [page.first_seq for page in keys], "keys": [page.keys for page in keys],
        }  # fmt: skip

    def _copy_sides(self, cursor: psycopg.Cursor[Any], sides: list[tuple[int, bytes]]) -> None:
        with cursor.copy(_COPY_SIDES) as copy:
            copy.set_types(["int2", "int8", "bytea"])
            for seq, body in sides:
                copy.write_row((self.lane, seq, body))

    def _is_committed(self, after: Position) -> bool:
        """Find out what became of an interrupted commit; False = it did not happen, and may be sent again."""
        self.connection = self._reconnect()
        found = self.read_position()
        if (found.epoch, found.digest) == (after.epoch, after.digest):
            return True
        if found == self.position:
            return False
        raise Fenced(
            f"lane {self.lane}: the journal is at {found.last_seq} of epoch {found.epoch}, not where I left it"
        )

    def _reconnect(self) -> Connection:
        deadline = time.monotonic() + self._retry_s
        pause_s = 0.01
        while True:
            try:
                return self._connect()
            except psycopg.OperationalError as error:
                if time.monotonic() + pause_s > deadline:
                    raise DatabaseAway(f"no database for {self._retry_s} s: {error}") from error
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, 0.5)

    def read_position(self) -> Position:
        """Read where the journal ends, as committed."""
        row = self.connection.execute(_POSITION, {"lane": self.lane}).fetchone()
        assert row is not None
        return Position(row[0], row[1], bytes(row[2]), row[3])

    def check_mine(self) -> None:
        """Make sure that no one has taken the lane over; needed before answering what wrote nothing.

        :raises Fenced: when someone has.
        :raises DatabaseAway: when the database stays away.
        """
        try:
            found = self.read_position()
        except psycopg.OperationalError:
            self.connection = self._reconnect()
            found = self.read_position()
        if found != self.position:
            raise Fenced(f"lane {self.lane}: taken over by epoch {found.epoch}")

    def _ends_up_to(self, last_seq: int) -> list[int]:
        """Where the partitions end that rows from here up to ``last_seq`` reach; read anew once they reach the last known one."""
        if not self._ends or self._ends[-1] <= last_seq:
            try:
                self._ends = self._read_ends()
            except psycopg.OperationalError:
                self.connection = self._reconnect()
                self._ends = self._read_ends()
        return self._ends

    def _read_ends(self) -> list[int]:
        known = self.connection.execute(_PARTITION_ENDS, {"lane": self.lane, "last_seq": self.position.last_seq})
        return [end for (end,) in known]

    def partition_end(self) -> int:
        """The first sequence for which no partition is attached yet, 0 = there is none that rows still fit into."""
        ends = self._ends_up_to(2**63 - 1)
        return ends[-1] if ends else 0

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
