"""Facts that rows set now and then, such as a freeze or a tier: their value just before any row of a chunk.

What a fact was before the chunk lies in an array by entity; the chunk's own changes are few and sorted by
entity and place, so that a look-up of many rows is one binary search.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.review.verify.columns import IntArray
from penstock.review.verify.groups import grown

#: Above every number of an entity; a wrong number in a row must not overflow a key.
_MOST: Final = 2**40


class Changes:
    """Values of one kind of fact by entity number, each a row of ``columns`` int64, zeros until set."""

    def __init__(self, columns: int) -> None:
        self._values: IntArray = np.zeros((64, columns), dtype=np.int64)
        self._keys: IntArray = np.zeros(0, dtype=np.int64)
        self._changed: IntArray = np.zeros((0, columns), dtype=np.int64)
        self._width = 1
        self._ever = False

    def begin(self, width: int, entities: IntArray, places: IntArray, values: IntArray) -> None:
        """Take in a chunk's changes: entity (m,), place of the row in the chunk (m,), values (m, columns).

        ``width`` is the chunk's number of rows. The changes of the chunk before become the values to start from.
        """
        self.settle()
        if not len(entities):
            return
        keys = entities * width + places
        order = np.argsort(keys, kind="stable")
        self._keys, self._changed, self._width, self._ever = keys[order], values[order], width, True

    def before(self, entities: IntArray, places: IntArray) -> IntArray:
        """The values (k, columns) of entities just before the rows at some places."""
        entities = np.where((entities < 0) | (entities > _MOST), 0, entities)
        kept = self._kept(entities)
        if not len(self._keys):
            return kept
        at = np.searchsorted(self._keys, entities * self._width + places, side="left") - 1
        mine = (at >= 0) & (self._keys[np.maximum(at, 0)] // self._width == entities)
        return np.where(mine[:, np.newaxis], self._changed[np.maximum(at, 0)], kept)

    def settle(self) -> None:
        """Make the chunk's changes the values to start from."""
        if not len(self._keys):
            return
        entities = self._keys // self._width
        last = np.append(entities[1:] != entities[:-1], True)
        self._values = grown(self._values, int(entities.max()) + 1)
        self._values[entities[last]] = self._changed[last]
        self._keys, self._changed = self._keys[:0], self._changed[:0]

    def now(self, entities: IntArray) -> IntArray:
        """The values (k, columns) after everything that was taken in."""
        self.settle()
        return self._kept(entities)

    @property
    def ever(self) -> bool:
        """Whether anything was ever set, so that there is something to look up."""
        return self._ever

    def _kept(self, entities: IntArray) -> IntArray:
        known = (entities >= 0) & (entities < len(self._values))
        values: IntArray = self._values[np.where(known, entities, 0)]
        return np.where(known[:, np.newaxis], values, 0)
