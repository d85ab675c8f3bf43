"""How far the office is behind the lane. What opening the accounts leaves it to do is not what a load is measured by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from penstock.app import wiring
from penstock.kit import db
from penstock.kit.settings import Settings

_BEHIND: Final = """
    SELECT coalesce(max(lane.last_seq - tail_cursor.seq), 0) FROM tail_cursor JOIN lane USING (lane) WHERE lane = %s
"""
_PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.5


def tails_behind(settings: Settings) -> int:
    """The rows that the slowest tail has still to see."""
    with db.connect(wiring.dsn(settings, "penstock_keeper"), name="penstock-bench") as connection:
        found = connection.execute(_BEHIND, [settings.lane]).fetchone()
    assert found is not None, "an aggregate has one row"
    return int(found[0])


def wait_for_tails(settings: Settings, say: Callable[[str], None]) -> None:
    """Wait until the office has seen about everything; after five minutes the load begins beside what is left."""
    if tails_behind(settings) <= settings.tail_rows:
        return
    say("Waiting for the office to follow what was opened …")
    until_s = time.monotonic() + _PATIENCE_S
    while (behind := tails_behind(settings)) > settings.tail_rows:
        if time.monotonic() > until_s:
            say(f"The office is still {behind:,} rows behind; the load begins beside it.")
            return
        time.sleep(_LOOK_S)
