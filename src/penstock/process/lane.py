"""The lane: the path of every payment, in the order in which it happens.

    admit  →  decide  →  post  →  record  →  reply

One writer, in memory, without locks. A batch is decided and posted on the lane's tables, recorded in
one durable commit, and only then answered. While one batch becomes durable, the next is decided and
posted: memory may be ahead of the journal, answers never are (ADR 0023). If a commit fails for good, that
memory is worthless: the exception ends the process, and the next one recovers (crash-only).
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import REPLY, Kind, Option
from penstock.contracts.policy import Policy, policy_arrays
from penstock.contracts.row import ROW
from penstock.contracts.states import State as PaymentState
from penstock.journal.committing import Committer
from penstock.journal.reader import Partition
from penstock.journal.writer import Connection, JournalWriter
from penstock.kit.settings import Settings
from penstock.process.admit import admit
from penstock.process.clock import BusinessCalendar, LaneClock
from penstock.process.decide import models
from penstock.process.decide.attempts import Moment
from penstock.process.decide.deciding import Decider, cut
from penstock.process.decide.labelled import look_up_labelled
from penstock.process.figures import Figures
from penstock.process.genesis import publish_row, system_account_rows
from penstock.process.post.batch import post_batch
from penstock.process.post.settling import expire_due
from penstock.process.post.terms import Judged, Known, Terms, Verdicts, make_terms, make_verdicts
from penstock.process.queries import answer
from penstock.process.record import hash_sides, join_sides
from penstock.process.reply import reply
from penstock.process.rooms import Rooms
from penstock.state import layout as at
from penstock.state.fold import fold_rows
from penstock.state.holds import due_by
from penstock.state.tables import State, forget_partition

_FIRST_QUERY = 100
_SECOND_US = 1_000_000
MAX_SEQ = (1 << at.SEQ_BITS) - 100_000


class Answers(NamedTuple):
    """What a lane has to say, once it is durable."""

    replies: NDArray[Any]  # of ``REPLY``, in the order of the commands
    payloads: dict[int, bytes]  # of those replies that have one
    durable: Future[None]  # until then nobody may hear of it

    def wait(self) -> tuple[NDArray[Any], dict[int, bytes]]:
        """The replies and payloads, when everything that they say has been committed.

        :raises Fenced, DatabaseAway: when it never will be.
        """
        self.durable.result()
        return self.replies, self.payloads


class Lane:
    """A running lane. The time is an argument of every step, in µs since 1970 UTC."""

    def __init__(
        self, settings: Settings, writer: JournalWriter, state: State, policy: Policy | None, now_us: int
    ) -> None:
        """Take over a recovered state; ``policy`` is the one in force, None = a new journal, which needs ``publish``."""
        assert state.scalars[0, at.LAST_SEQ] == writer.position.last_seq, "recover before running the lane"
        self.settings = settings
        self.writer = writer
        self.state = state
        self.clock = LaneClock(writer.position.time_us, now_us, int(settings.clock_jump_s * 1_000_000))
        self.figures = Figures(start_us=now_us, epoch=writer.position.epoch)
        self.partitions: list[Partition] = []
        self.partition_end = writer.partition_end()
        self.committer = Committer()
        self._batch_room = settings.batch_rows + settings.expiries_per_batch + 1
        self._rooms = Rooms(self._batch_room)
        self._calendar = BusinessCalendar("UTC")
        self._decider = Decider(settings.batch_rows, self.figures.stages)
        self.terms: Terms | None = None
        if policy is not None:
            self._enforce(policy, int(state.scalars[0, at.POLICY_VERSION]))
        if state.scalars[0, at.MODEL_VERSION] > 0:
            self._use_model(models.in_force(writer.connection, settings.lane, int(state.scalars[0, at.MODEL_SEQ]), self._maturity_us))

    # --- the path of a batch

    def process(
        self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int
    ) -> tuple[NDArray[Any], dict[int, bytes]]:
        """``begin``, and wait until all is durable."""
        return self.begin(commands, payloads, now_us).wait()

    def begin(self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int) -> Answers:
        """Take commands and queries (n,) of ``COMMAND`` through the lane, up to their commit, which is on its way then.

        :raises Fenced, DatabaseAway, ClockError: the process must end and recover.
        """
        is_query = commands["kind"] > _FIRST_QUERY
        if not is_query.any():
            replies, durable = self._batches(commands, payloads, now_us)
            return Answers(replies, {}, durable or self._still_mine())
        replies, places = np.zeros(len(commands), REPLY), np.flatnonzero(~is_query)
        own = {new: payloads[old] for new, old in enumerate(places.tolist()) if old in payloads}
        replies[places], durable = self._batches(commands[places], own, now_us)
        answers = self._answer_queries(commands, np.flatnonzero(is_query), replies, now_us)
        return Answers(replies, answers, durable or self._still_mine())

    def _still_mine(self) -> Future[None]:
        return self.committer.soon(self.writer.check_mine)

    def _batches(
        self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int
    ) -> tuple[NDArray[Any], Future[None] | None]:
        """Take all commands through the lane, in as many batches as they need."""
        replies, durable, done = [np.zeros(0, REPLY)], None, 0
        while done < len(commands):
            rest = {place - done: body for place, body in payloads.items() if place >= done}
            answered, durable = self._batch(commands[done:], rest, now_us)
            replies.append(answered)
            done += len(answered)
        return replies[1] if len(replies) == 2 else np.concatenate(replies), durable

    def _batch(
        self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int
    ) -> tuple[NDArray[Any], Future[None] | None]:
        """Admit, decide, post, record and answer as many commands as fit into one commit.

        :returns: the replies, and what tells when they are durable, None = nothing was written.
        """
        assert self.last_seq < MAX_SEQ, "the lane is full: the id tables hold 40 bits of sequence"
        assert self.terms is not None, "publish a policy before the first command"
        times_us, day = self._cut(commands, now_us)
        commands = commands[: len(times_us)]
        payloads = {place: body for place, body in payloads.items() if place < len(commands)}
        side_words = hash_sides(payloads, len(commands))
        known = self._admit(self.terms, commands, times_us, side_words[:, 0].copy())
        candidate = self._candidate(commands, payloads)
        judged, vectors = self._decide(self.terms, commands, times_us, known)
        judged.reason[0] = judged.reason[0] if candidate is None else candidate.reason
        room = self._rooms.next()
        rows, verdicts = self._post(self.terms, room.clear(), commands, times_us, known, judged, day)
        rows["features"][verdicts.row[judged.attempt > 0]] = vectors.view(np.int16)
        durable = self._record(rows, join_sides(rows, verdicts.row, side_words, payloads)) if len(rows) else None
        if durable is not None:
            room.keep(len(rows), durable)
            if candidate is not None and rows["state"][verdicts.row[0]] == PaymentState.DONE:
                self._use_model(candidate)
        self.figures.count_batch(len(commands), len(rows), verdicts)
        with self.figures.stages.time("reply"):
            return reply(commands, rows, verdicts, self.last_seq), durable

    def _cut(self, commands: NDArray[Any], now_us: int) -> tuple[NDArray[np.int64], int]:
        """The times of as many commands as can go into one batch, and its business day."""
        together = cut(commands, int(self.state.scalars[0, at.ACCOUNTS]), self.last_seq)
        times_us, day = self._stamp(now_us, together)
        return times_us[: self._make_way(times_us, day)], day

    def _post(
        self, terms: Terms, rows: NDArray[Any], commands: NDArray[Any], times_us: NDArray[np.int64], known: Known,
        judged: Judged, day: int,
    ) -> tuple[NDArray[Any], Verdicts]:  # fmt: skip
        """The rows that the commands make, and what became of each command."""
        verdicts = make_verdicts(len(commands))
        with self.figures.stages.time("post"):
            done, written = post_batch(self.state, terms, commands, times_us, known, judged, day, rows, verdicts)
        assert done == len(commands), "the batch was cut so that all that falls due fits into it"
        return rows[:written], verdicts

    def _make_way(self, times_us: NDArray[np.int64], day: int) -> int:
        """How many commands can be posted with all that falls due before them; what is due by now may go first."""
        most = self.settings.expiries_per_batch - 1
        while due_by(self.state, times_us[0], most) > most:
            self._expire(int(times_us[0]), day)
        if due_by(self.state, times_us[-1], most) <= most:
            return len(times_us)
        return bisect.bisect_right(times_us, most, key=lambda time_us: due_by(self.state, time_us, most))

    def _candidate(self, commands: NDArray[Any], payloads: Mapping[int, bytes]) -> models.Candidate | None:
        """The model that is to be published, None = the batch publishes none."""
        if commands["kind"][0] != Kind.PUBLISH_MODEL:
            return None
        if commands["option"][0] == Option.MODEL_WITHDRAWN:
            return models.Candidate(None)
        return models.load(self._reading(), payloads.get(0, b""), self._maturity_us)

    def _use_model(self, candidate: models.Candidate) -> None:
        self._decider.use_model(candidate.scorer, int(self.state.scalars[0, at.MODEL_VERSION]))

    @property
    def _maturity_us(self) -> int:
        return int(self.state.scalars[0, at.MATURITY_US])

    def _admit(self, terms: Terms, commands: NDArray[Any], times_us: NDArray[np.int64], side_words: NDArray[np.int64]) -> Known:
        with self.figures.stages.time("admit"):
            return admit(self.state, terms, commands, times_us, side_words, self.partitions, self._reading)

    def _decide(
        self, terms: Terms, commands: NDArray[Any], times_us: NDArray[np.int64], known: Known
    ) -> tuple[Judged, NDArray[np.float16]]:
        moment = Moment(*self._calendar.moment_of(int(times_us[0])))
        labelled = look_up_labelled(commands, self.settings.lane, self._reading)
        return self._decider.decide(self.state, terms, commands, times_us, moment, known, labelled)

    def _reading(self) -> Connection:
        """The connection for a look-up, when all rows that were made before are there to be found."""
        self.committer.settle()
        return self.writer.connection

    def _record(self, rows: NDArray[Any], sides: list[tuple[int, bytes]]) -> Future[None]:
        """Hand rows over to be committed; they must stay as they are until then."""

        def commit() -> None:
            started_ns = time.perf_counter_ns()
            self.writer.commit(rows, sides)
            self.figures.note_commit(time.perf_counter_ns() - started_ns)

        return self.committer.soon(commit)

    def _stamp(self, now_us: int, count: int) -> tuple[NDArray[np.int64], int]:
        """The times of the commands that fall on one business day and into one second, and that day."""
        times_us = self.clock.stamp(now_us, min(count, self.settings.batch_rows))
        day, day_ends_us = self._calendar.day_of(int(times_us[0]))
        second_ends_us = (int(times_us[0]) // _SECOND_US + 1) * _SECOND_US
        return times_us[: int(np.searchsorted(times_us, min(day_ends_us, second_ends_us)))], day

    def _answer_queries(
        self, commands: NDArray[Any], places: NDArray[np.intp], replies: NDArray[Any], now_us: int
    ) -> dict[int, bytes]:
        answers = {}
        status = self.figures.as_numbers(self.state, self.settings.lane) if len(places) else np.zeros(0, np.int64)
        for place in places:
            day, _ = self._calendar.day_of(max(now_us, int(self.state.scalars[0, at.LAST_TIME_US])))
            treated, reason, body = answer(self.state, commands[place], day, status)
            replies["token"][place] = commands["token"][place]
            replies["kind"][place] = commands["kind"][place]
            replies["status"][place] = treated
            replies["reason"][place] = reason
            replies["as_of_seq"][place] = self.last_seq
            answers[int(place)] = body
        return answers

    # --- what happens without a caller

    def tick(self, now_us: int) -> None:
        """Once a second: expire holds that have run out, or make sure that the lane is still mine.

        While commits are on their way neither is needed: they show whose the lane is, and each batch lets happen what is due.
        """
        if not self.committer.idle:
            return
        times_us, day = self._stamp(now_us, 1)
        if not self._expire(int(times_us[0]), day):
            self.committer.soon(self.writer.check_mine).result()

    def _expire(self, time_us: int, day: int) -> int:
        """Let happen what is due, as far as one commit takes it; the rows written."""
        rows = np.zeros(self.settings.expiries_per_batch, ROW)
        written: int = expire_due(self.state, self.terms, rows, 0, len(rows), time_us, day)
        if written:
            self._record(rows[:written], []).result()
            self.figures.rows += written
        return written

    def publish(self, policy: Policy, now_us: int) -> None:
        """Put a policy in force; on a new journal the system's accounts are opened after it."""
        calendar = BusinessCalendar(policy.time_zone)
        time_us = int(self.clock.stamp(now_us, 1)[0])
        day, _ = calendar.day_of(time_us)
        lane, seq, version = self.settings.lane, self.last_seq + 1, int(self.state.scalars[0, at.POLICY_VERSION]) + 1
        rows = publish_row(policy, version, lane, seq, time_us, day)
        if seq == 1:
            rows = np.concatenate([rows, system_account_rows(lane, seq + 1, time_us, day, version)])
        fold_rows(self.state, rows)
        self._record(rows, [(seq, policy.canonical())]).result()
        self._enforce(policy, version)

    def _enforce(self, policy: Policy, version: int) -> None:
        self.terms = make_terms(policy_arrays(policy), version, self.settings)
        self._calendar = BusinessCalendar(policy.time_zone)

    def learn_partitions(self, partitions: list[Partition]) -> None:
        """Take note of new partitions, and forget the ids of those that have their index now."""
        rows = int(self.state.scalars[0, at.PARTITION_ROWS])
        self.partitions = partitions
        self.partition_end = partitions[-1].end_seq if partitions else 0
        for partition in partitions:
            number = (partition.first_seq - 1) // rows
            if partition.indexed and number >= self.state.scalars[0, at.FIRST_PARTITION]:
                forget_partition(self.state, number)

    @property
    def last_seq(self) -> int:
        """The last sequence, committed whenever the committer is idle."""
        return int(self.state.scalars[0, at.LAST_SEQ])

    def has_room(self) -> bool:
        """Whether a full batch fits into attached partitions and free generations of the id tables."""
        after = self.last_seq + self._batch_room
        if after >= self.partition_end:
            return False
        partition = (after - 1) // int(self.state.scalars[0, at.PARTITION_ROWS])
        return partition < int(self.state.scalars[0, at.FIRST_PARTITION]) + at.GENERATIONS
