"""What connections held is let go of soon after they have ended."""

from __future__ import annotations

import gc
import weakref

from penstock.app.edge.protocol import Ended


class Held:
    """Refers to itself, as a connection and its transport do to each other."""

    def __init__(self) -> None:
        self.circle = self


def test_what_refers_to_itself_is_let_go_of_after_some_more_have_ended() -> None:
    gc.disable()
    try:
        held, ended = Held(), Ended()
        gone = weakref.ref(held)
        del held
        ended.one_more()
        assert gone() is not None, "not for each one"
        for _ in range(100):
            ended.one_more()
        assert gone() is None
    finally:
        gc.enable()
