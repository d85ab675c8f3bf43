"""The lane: the path of every payment, in the order in which it happens.

    admit  →  decide  →  post  →  record  →  reply

One writer, in memory, without locks. A batch is decided and posted on the lane's tables, recorded in
one durable commit, and only then answered. If the commit fails for good, the memory is ahead of the
journal and worthless: the exception ends the process, and the next one recovers (crash-only).
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import REPLY, Kind, Option
from penstock.contracts.policy import Policy, policy_arrays
from penstock.contracts.row import ROW
from penstock.contracts.states import State as PaymentState
from penstock.journal.reader import Partition
from penstock.journal.writer import JournalWriter
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
from penstock.process.post.terms import Judged, Known, Terms, make_terms, make_verdicts
from penstock.process.queries import answer
from penstock.process.record import hash_sides, record
from penstock.process.reply import reply
from penstock.state import layout as at
from penstock.state.fold import fold_rows
from penstock.state.holds import due_by
from penstock.state.tables import State, forget_partition

_FIRST_QUERY = 100
_SECOND_US = 1_000_000
MAX_SEQ = (1 << at.SEQ_BITS) - 100_000


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
        self._rows = np.zeros(settings.batch_rows + settings.expiries_per_batch + 1, ROW)
        self._used_rows = 0
        self._calendar = BusinessCalendar("UTC")
        self._decider = Decider(settings.batch_rows)
        self.terms: Terms | None = None
        if policy is not None:
            self._enforce(policy, int(state.scalars[0, at.POLICY_VERSION]))
        if state.scalars[0, at.MODEL_VERSION] > 0:
            self._use_model(models.in_force(writer.connection, settings.lane, int(state.scalars[0, at.MODEL_SEQ]), self._maturity_us))

    # --- the path of a batch

    def process(
        self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int
    ) -> tuple[NDArray[Any], dict[int, bytes]]:
        """Take commands and queries (n,) of ``COMMAND`` through the lane.

        :returns: replies (n,) of ``REPLY``, in order, and the payloads of those that have one. Everything that they
            say has been committed.
        :raises Fenced, DatabaseAway, ClockError: the process must end and recover.
        """
        replies = np.zeros(len(commands), REPLY)
        is_query = commands["kind"] > _FIRST_QUERY
        places = np.flatnonzero(~is_query)
        written = False
        while len(places):
            own = {new: payloads[int(old)] for new, old in enumerate(places) if int(old) in payloads}
            answered, rows = self._batch(commands[places], own, now_us)
            replies[places[: len(answered)]] = answered
            places = places[len(answered) :]
            written = rows > 0
        if not written:
            self.writer.check_mine()
        return replies, self._answer_queries(commands, np.flatnonzero(is_query), replies, now_us)

    def _batch(self, commands: NDArray[Any], payloads: Mapping[int, bytes], now_us: int) -> tuple[NDArray[Any], int]:
        """Admit, post, record and answer as many commands as fit into one commit; the replies and the rows written."""
        assert self.last_seq < MAX_SEQ, "the lane is full: the id tables hold 40 bits of sequence"
        assert self.terms is not None, "publish a policy before the first command"
        together = cut(commands, int(self.state.scalars[0, at.ACCOUNTS]), self.last_seq)
        times_us, day = self._stamp(now_us, together)
        times_us = times_us[: self._make_way(times_us, day)]
        commands = commands[: len(times_us)]
        payloads = {place: body for place, body in payloads.items() if place < len(commands)}
        side_words = hash_sides(payloads, len(commands))
        known = self._admit(self.terms, commands, times_us, side_words[:, 0].copy())
        candidate = self._candidate(commands, payloads)
        judged, vectors = self._decide(self.terms, commands, times_us, known)
        judged.reason[0] = judged.reason[0] if candidate is None else candidate.reason
        verdicts = make_verdicts(len(commands))
        rows = self._rows
        rows[: self._used_rows] = np.zeros(1, ROW)
        done, written = post_batch(self.state, self.terms, commands, times_us, known, judged, day, rows, verdicts)
        assert done == len(commands), "the batch was cut so that all that falls due fits into it"
        self._used_rows = written
        rows["features"][verdicts.row[judged.attempt > 0]] = vectors.view(np.int16)
        commit_us = self._record(rows[:written], verdicts.row, side_words, payloads)
        self.figures.count_batch(done, written, verdicts, commit_us)
        if candidate is not None and written and rows["state"][verdicts.row[0]] == PaymentState.DONE:
            self._use_model(candidate)
        return reply(commands, rows, verdicts, self.last_seq), written

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
        return models.load(self.writer.connection, payloads.get(0, b""), self._maturity_us)

    def _use_model(self, candidate: models.Candidate) -> None:
        self._decider.use_model(candidate.scorer, int(self.state.scalars[0, at.MODEL_VERSION]))

    @property
    def _maturity_us(self) -> int:
        return int(self.state.scalars[0, at.MATURITY_US])

    def _admit(self, terms: Terms, commands: NDArray[Any], times_us: NDArray[np.int64], side_words: NDArray[np.int64]) -> Known:
        return admit(self.state, terms, commands, times_us, side_words, self.partitions, self.writer.connection)

    def _decide(
        self, terms: Terms, commands: NDArray[Any], times_us: NDArray[np.int64], known: Known
    ) -> tuple[Judged, NDArray[np.float16]]:
        moment = Moment(*self._calendar.moment_of(int(times_us[0])))
        labelled = look_up_labelled(commands, self.settings.lane, self.writer.connection)
        return self._decider.decide(self.state, terms, commands, times_us, moment, known, labelled)

    def _record(
        self,
        rows: NDArray[Any],
        row_of_command: NDArray[np.int64],
        words: NDArray[np.int64],
        payloads: Mapping[int, bytes],
    ) -> int:
        started = time.perf_counter_ns()
        record(self.writer, rows, row_of_command, words, payloads)
        return (time.perf_counter_ns() - started) // 1000

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
        """Once a second: expire holds that have run out, or make sure that the lane is still mine."""
        times_us, day = self._stamp(now_us, 1)
        if not self._expire(int(times_us[0]), day):
            self.writer.check_mine()

    def _expire(self, time_us: int, day: int) -> int:
        """Let happen what is due, as far as one commit takes it; the rows written."""
        rows = np.zeros(self.settings.expiries_per_batch, ROW)
        written: int = expire_due(self.state, self.terms, rows, 0, len(rows), time_us, day)
        if written:
            self.writer.commit(rows[:written], [])
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
        self.writer.commit(rows, [(seq, policy.canonical())])
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
        """The last sequence, committed whenever no batch is under way."""
        return int(self.state.scalars[0, at.LAST_SEQ])

    def has_room(self) -> bool:
        """Whether a full batch fits into attached partitions and free generations of the id tables."""
        after = self.last_seq + len(self._rows)
        if after >= self.partition_end:
            return False
        partition = (after - 1) // int(self.state.scalars[0, at.PARTITION_ROWS])
        return partition < int(self.state.scalars[0, at.FIRST_PARTITION]) + at.GENERATIONS
