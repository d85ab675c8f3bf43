"""Compiling or loading every kernel before the lane says that it is ready, on a throw-away state."""

from __future__ import annotations

import numpy as np

from penstock.contracts.commands import COMMAND, Kind
from penstock.contracts.lane_port import STAGES
from penstock.contracts.policy import default_policy, policy_arrays
from penstock.contracts.row import ROW
from penstock.kit.settings import Settings
from penstock.kit.stages import Stages
from penstock.process import admit, bounds, queries
from penstock.process.decide.attempts import Moment
from penstock.process.decide.deciding import Decider
from penstock.process.genesis import system_account_rows
from penstock.process.post.batch import post_batch
from penstock.process.post.settling import expire_due
from penstock.process.post.terms import LABELLED, Known, make_terms, make_verdicts
from penstock.process.reply import reply
from penstock.state import recovery, segments
from penstock.state.fold import fold_rows
from penstock.state.holds import due_by
from penstock.state.tables import Capacity, reserve


def warm_kernels() -> None:
    """Call each kernel once with the types that the lane uses."""
    state = reserve(Capacity(16, 64, 16, 1000, 16, 16, 16, 16), 1, 1_000_000)
    terms = make_terms(policy_arrays(default_policy()), 1, Settings())
    commands = np.zeros(1, COMMAND)
    commands["kind"], commands["client"] = Kind.OPEN_CUSTOMER, 1
    known = Known(*(np.zeros(1, np.int64) for _ in Known._fields))
    bounds.check_bounds(commands)
    admit.fingerprint_commands(commands, np.zeros(1, np.int64), known.fingerprint)
    admit.unknown_ids(state, commands, 1, np.zeros(1, np.bool_))
    admit.find_held(state, commands, known)
    admit.recognise(state, terms, commands, np.ones(1, np.int64), known, admit.make_twins(1))
    fold_rows(state, system_account_rows(0, 1, 1, 0, 1))
    rows = np.zeros(2, ROW)
    times_us = np.ones(1, np.int64)
    judged, _ = Decider(1, Stages(STAGES)).decide(
        state, terms, commands, times_us, Moment(0, 0), known, np.zeros(1, LABELLED)
    )
    verdicts = make_verdicts(1)
    post_batch(state, terms, commands, times_us, known, judged, 0, rows, verdicts)
    reply(commands, rows, verdicts, 1)
    due_by(state, 1, 1)
    recovery.replay_rows(state, rows[:0])
    expire_due(state, terms, rows, 0, 1, 1, 0)
    recovery.derive_holds(state)
    segments.pack(state.pairs, 0, -1, 0, 0, np.zeros((1, 1), np.int64)[:0])
    queries.warm(state)


if __name__ == "__main__":
    from penstock.process.commands.columns.warm import warm_columns  # of edges, not of the lane

    warm_kernels()
    warm_columns()
