"""Not a bit of a vector or of the memory changes unknowingly: journals, checkpoints and models were made with these bits."""

from __future__ import annotations

from typing import Final

import pytest
from support.golden import ACCOUNTS, golden_events, mark, mark_memory
from support.streams import evictions, memory, observe_events_alone

from penstock.state.behaviour.events import ATTEMPT, LABEL
from penstock.state.behaviour.learning import replay_events

_EVENTS: Final = 3_000
#: Places for entities and for pairs → marks. A change of them breaks every checkpoint, or every model, that there is.
GOLDEN: Final = {
    4: {
        "events": "63dfeede5daa7262", "vectors": "7d91a73da287fc7c", "payers": "41607aecd3db3599",
        "payees": "3ab0dd30706d1132", "entities": "fee2e33f61fc1c63", "pairs": "434a5997d917ea63",
    },
    40: {
        "events": "74f09932829b61a1", "vectors": "4be7f8e341026d3a", "payers": "c0ac189c93db8cb8",
        "payees": "4296f8f0ad486035", "entities": "cbd88a440d24621d", "pairs": "c53915a3babef755",
    },
    4_000: {
        "events": "70558eadb33f8f04", "vectors": "55d144a5e482fe71", "payers": "98bebbcebeef3b4e",
        "payees": "637ce4ff6e323c54", "entities": "1a19557a4b73586e", "pairs": "5d0425d2f6c6bf74",
    },
}  # fmt: skip


@pytest.mark.parametrize("places", GOLDEN)
def test_every_bit_is_as_it_was(places: int) -> None:
    state = memory(accounts=ACCOUNTS, entities=places, pairs=places)
    events = golden_events(20, _EVENTS)
    vectors = observe_events_alone(state, events)
    assert {"events": mark(events), "vectors": mark(vectors), **mark_memory(state)} == GOLDEN[places]
    assert evictions(state) > 1_000, "records were driven out as well"


@pytest.mark.parametrize("places", GOLDEN)
def test_replay_makes_the_same_bits(places: int) -> None:
    state, again = (memory(accounts=ACCOUNTS, entities=places, pairs=places) for _ in range(2))
    events = golden_events(20, _EVENTS)
    observe_events_alone(state, events)
    kind = events["kind"]
    known = events[(kind == LABEL) | ((kind == ATTEMPT) & (events["payer"] > 0))]  # what the journal makes events of
    for first in range(0, len(known), 700):
        replay_events(again, known[first : first + 700])
    assert mark_memory(again) == mark_memory(state)
