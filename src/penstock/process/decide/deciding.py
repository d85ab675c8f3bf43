"""Decide: features of each attempt, the model's score, the verdict. Three stages, in this order, for a whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.contracts.features import SLOTS, UNKNOWN
from penstock.contracts.policy import VERDICTS
from penstock.kit.stages import Stages
from penstock.process.decide.attempts import Moment, events_of_commands, name_parties
from penstock.process.decide.features import make_scratch, observe_events
from penstock.process.decide.rounding import round_vectors
from penstock.process.decide.scoring import BadScore, Scorer
from penstock.process.post.terms import Int64, Judged, Known, Terms, make_judged
from penstock.state.tables import State

_ALLOW, _CHALLENGE, _REVIEW, _BLOCK = (VERDICTS.index(name) for name in ("allow", "challenge", "review", "block"))
_log = structlog.get_logger("decide")


class Decider:
    """Owns the room for vectors, and the model in force."""

    def __init__(self, batch_rows: int, stages: Stages) -> None:
        """``stages`` takes the time of ``features`` and of ``score``."""
        self._stages = stages
        self._wide = np.zeros((batch_rows, SLOTS), np.float32)
        self._scratch = make_scratch()
        self._scorer: Scorer | None = None
        self._version = 0

    def use_model(self, scorer: Scorer | None, version: int) -> None:
        """Score with this model from now on; None = with none."""
        self._scorer, self._version = scorer, version

    def decide(
        self,
        state: State,
        terms: Terms,
        commands: NDArray[Any],
        times_us: Int64,
        moment: Moment,
        known: Known,
        labelled: NDArray[Any],
    ) -> tuple[Judged, NDArray[np.float16]]:
        """What the decision says of commands (n,), and the vectors (a, 64) of the attempts among them, in order.

        ``labelled`` (n,): the payments that labels are about. The memory has learned the batch afterwards.
        """
        judged = make_judged(labelled)
        with self._stages.time("features"):
            attempts, vectors = self._observe(state, terms, commands, times_us, moment, known, judged)
        with self._stages.time("score"):
            if self._scorer is not None and len(attempts):
                self._judge(terms, commands, vectors, attempts, judged)
        return judged, vectors

    def _observe(
        self, state: State, terms: Terms, commands: NDArray[Any], times_us: Int64, moment: Moment, known: Known, judged: Judged
    ) -> tuple[NDArray[np.intp], NDArray[np.float16]]:
        """Which commands are attempts, and their vectors."""
        events = events_of_commands(commands, times_us, moment)
        name_parties(state, terms, commands, known, judged, events)
        wide = self._wide[: len(commands)]
        observe_events(state, events, self._scratch, wide)
        attempts = np.flatnonzero(judged.attempt)
        return attempts, round_vectors(wide, attempts)

    def _judge(
        self, terms: Terms, commands: NDArray[Any], vectors: NDArray[np.float16], attempts: NDArray[np.intp], judged: Judged
    ) -> None:
        judged.model_version[attempts] = self._version
        scores = self._scores(vectors)
        verdicts = verdicts_of(terms, commands["payment_type"][attempts], commands["verification"][attempts], scores)
        verdicts[scores == UNKNOWN] = terms.without_score
        judged.score[attempts] = scores
        judged.verdict[attempts] = verdicts

    def _scores(self, vectors: NDArray[np.float16]) -> NDArray[np.float32]:
        """The scores (a,) of vectors (a, 64), UNKNOWN where the model fails.

        What fails is looked for by halves: the neighbours in the batch must not suffer, or how it was cut would matter.
        """
        assert self._scorer is not None
        try:
            return self._scorer.score(vectors)
        except BadScore as error:
            if len(vectors) == 1:
                _log.error("the model cannot score a payment", model_version=self._version, reason=str(error))
                return np.full(1, UNKNOWN, np.float32)
            middle = len(vectors) // 2
            return np.concatenate([self._scores(vectors[:middle]), self._scores(vectors[middle:])])


def verdicts_of(
    terms: Terms, types: NDArray[np.int16], verifications: NDArray[np.int16], scores: NDArray[np.float32]
) -> Int64:
    """The verdicts (n,) on payments by their types, their payers' verification and their scores, each (n,).

    It is the strongest whose threshold is reached. A payer who has been verified strongly enough has passed the challenge.
    """
    reached = scores[:, None] >= terms.risk[types]
    verdicts = np.where(reached[:, 2], _BLOCK, np.where(reached[:, 1], _REVIEW, np.where(reached[:, 0], _CHALLENGE, _ALLOW)))
    passed = (verdicts == _CHALLENGE) & (verifications >= terms.challenge_factors)
    return np.where(passed, _ALLOW, verdicts).astype(np.int64)


def cut(commands: NDArray[Any], accounts: int, last_seq: int) -> int:
    """How many of the commands can be decided together.

    All that they name exists, no payment is labelled twice, and a model is published alone.
    """
    kinds = commands["kind"]
    publishes = kinds == Kind.PUBLISH_MODEL
    if len(commands) and publishes[0]:
        return 1
    labels = kinds == Kind.LABEL
    stops = publishes | (labels & (commands["ref_seq"] > last_seq))
    stops |= (kinds == Kind.PAY) & (np.maximum(commands["payer_account"], commands["payee_account"]) > accounts)
    if np.any(labels):
        stops |= labels & ~_first_of_their_kind(commands["ref_seq"], labels)
    later = np.flatnonzero(stops[1:])
    return int(later[0]) + 1 if len(later) else len(commands)


def _first_of_their_kind(numbers: NDArray[Any], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the chosen places hold a number that no chosen place before them holds."""
    places = np.flatnonzero(chosen)
    first = np.zeros(len(numbers), np.bool_)
    first[places[np.unique(numbers[places], return_index=True)[1]]] = True
    return first
