"""The tail that notes which rows put a policy or a model in force, so that an old decision finds what it stood on."""

from __future__ import annotations

from typing import Final

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Tail, by_columns
from penstock.review.explanation import store

NAME: Final = "publications"


def make_tail() -> Tail:
    """The tail of publications."""
    return Tail(NAME, store.remember, by_columns(wants))


def wants(stretch: Stretch) -> Mask:
    """The rows that put something in force."""
    models = stretch.among("kind", Kind.PUBLISH_MODEL) & stretch.positive("model_version")
    return stretch.among("state", State.DONE) & (stretch.among("kind", Kind.PUBLISH) | models)
