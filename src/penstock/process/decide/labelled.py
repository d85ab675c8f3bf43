"""Looking up the payments that labels are about, once per batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.journal import reader
from penstock.process.post.terms import LABELLED


def look_up_labelled(
    commands: NDArray[Any], lane: int, reading: Callable[[], psycopg.Connection[Any]]
) -> NDArray[Any]:
    """What the journal says of the payments that labels among commands (n,) name, (n,) of ``LABELLED``; zero = nothing.

    ``reading`` gives the connection, when everything that memory knows is there to be found.
    """
    labelled = np.zeros(len(commands), LABELLED)
    places = np.flatnonzero(commands["kind"] == Kind.LABEL)
    if len(places):
        found = reader.find_labelled(reading(), lane, commands["ref_seq"][places].tolist())
        for place in places:
            labelled[place] = found.get(int(commands["ref_seq"][place]), labelled[place])
    return labelled
