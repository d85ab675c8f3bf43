"""The tables themselves, reserved once; the memory is taken page by page as it is first used."""

from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.state import layout as at

Int64 = NDArray[np.int64]


class State(NamedTuple):
    """Everything a lane knows. ``LAYOUT`` names the columns; the last three are derived from ``holds``."""

    accounts: Int64
    customers: Int64
    purses: Int64
    overrides: Int64  # (places, 4)
    holds: Int64
    holds_free: Int64  # (slots, 1): a stack of free slots below the high-water mark
    ids: Int64  # (generations, capacity, 4)
    refs: Int64
    payers: Int64  # behaviour of accounts that pay
    payees: Int64  # … that are paid
    entities: Int64  # (sets, 128): behaviour of instruments, devices, networks, places, categories
    pairs: Int64  # (sets, 16)
    labels: Int64  # (places, 4)
    generations: Int64
    totals: Int64
    scalars: Int64  # (1, 32)
    hash_key: Int64  # (1,), the installation's secret
    hold_index: Int64  # (2 x slots rounded up,): origin_seq → slot, open addressing
    expiry: Int64  # (slots,): binary heap of slots by (expires_us, origin_seq)
    expiry_place: Int64  # (slots,): where a slot is in the heap


class Capacity(NamedTuple):
    """How many records a lane may have."""

    customers: int
    accounts: int
    holds: int
    partition_rows: int
    own_limits: int
    entities: int
    pairs: int
    labels: int


def reserve(capacity: Capacity, hash_key: int, maturity_us: int) -> State:
    """Reserve empty tables of the given capacity.

    :param hash_key: a secret 64-bit number.
    :param maturity_us: after which a payment without a label is known to be genuine; the same for a journal's life.
    """
    places = _power_of_two(capacity.partition_rows * 1.5)
    slots = capacity.holds + 1
    state = State(
        accounts=_zeros((capacity.accounts + 1, at.ACCOUNT_WIDTH), wide=True),
        customers=_zeros((capacity.customers + 1, at.CUSTOMER_WIDTH), wide=True),
        purses=_zeros((capacity.accounts + 1, at.PURSE_WIDTH), wide=True),
        overrides=_zeros((_power_of_two(capacity.own_limits * 1.5), at.OVERRIDE_WIDTH)),
        holds=_zeros((slots, at.HOLD_WIDTH)),
        holds_free=_zeros((slots, 1)),
        ids=_zeros((at.GENERATIONS, places, at.ID_WIDTH), wide=True),
        refs=_zeros((at.GENERATIONS, places, at.REF_WIDTH)),
        payers=_zeros((capacity.accounts + 1, at.PAYER_WIDTH), wide=True),
        payees=_zeros((capacity.accounts + 1, at.PAYEE_WIDTH), wide=True),
        entities=_zeros((_power_of_two(capacity.entities / at.ENTITY_WAYS), at.ENTITY_SET_WIDTH), wide=True),
        pairs=_zeros((_power_of_two(capacity.pairs / at.PAIR_WAYS), at.PAIR_SET_WIDTH), wide=True),
        labels=_zeros((_power_of_two(capacity.labels * 1.5), at.LABEL_WIDTH)),
        generations=_zeros((at.GENERATIONS, at.GENERATION_WIDTH)),
        totals=_zeros((at.CURRENCY_SLOTS, at.TOTAL_WIDTH)),
        scalars=_zeros((1, at.SCALARS_WIDTH)),
        hash_key=np.array([hash_key], dtype=np.int64),
        hold_index=_zeros((_power_of_two(2 * slots),)),
        expiry=_zeros((slots,)),
        expiry_place=_zeros((slots,)),
    )
    state.scalars[0, at.PARTITION_ROWS] = capacity.partition_rows
    state.scalars[0, at.MATURITY_US] = maturity_us
    return state


def _power_of_two(least: float) -> int:
    """The smallest power of two that is no less."""
    return 1 << max(int(np.ceil(np.log2(least))), 0)


def _zeros(shape: Sequence[int], wide: bool = False) -> Int64:
    """Zeroed int64 memory of its own private mapping, so that ``forget_partition`` can give pages back.

    ``wide``: in pages of 2 MiB where the system has them: what is read all over at random then costs no page walks.
    """
    count = int(np.prod(shape))
    mapping = mmap.mmap(-1, max(count * 8, 8), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if wide and sys.platform == "linux":
        mapping.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(mapping, dtype=np.int64)[:count].reshape(shape)


def forget_partition(state: State, partition: int) -> None:
    """Drop the ids of a partition that has its index now.

    The pages of ids are kept for another partition, which will need them all; those of refs, of which there may be few, are given back.
    """
    generation = partition % at.GENERATIONS
    if state.generations[generation, at.GENERATION_PARTITION] == partition + 1:
        state.generations[generation] = 0
        state.ids[generation] = 0
        _give_back(state.refs, generation)
    state.scalars[0, at.FIRST_PARTITION] = max(int(state.scalars[0, at.FIRST_PARTITION]), partition + 1)


def _give_back(table: Int64, generation: int) -> None:
    size = table[generation].nbytes
    # Only Linux promises zeroes afterwards, and only for private mappings: a shared one would keep its content.
    if sys.platform == "linux" and size % mmap.PAGESIZE == 0:
        mapping_of(table).madvise(mmap.MADV_DONTNEED, generation * size, size)
    else:
        table[generation] = 0


def mapping_of(table: Int64) -> mmap.mmap:
    """The memory in which a table lies."""
    base: Any = table
    while not isinstance(base, mmap.mmap | memoryview):
        base = base.base
    mapping: mmap.mmap = base.obj if isinstance(base, memoryview) else base  # type: ignore[assignment]
    return mapping
