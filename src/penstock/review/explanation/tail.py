"""The tail that notes which rows put a policy or a model in force, so that an old decision finds what it stood on."""

from __future__ import annotations

from typing import Final

from penstock.journal.tails import Tail
from penstock.review.explanation import store

NAME: Final = "publications"


def make_tail() -> Tail:
    """The tail of publications."""
    return Tail(NAME, store.remember)
