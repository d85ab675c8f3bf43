"""``docs/capacity.md``, rendered from measured bytes: ``python -m penstock.app.bench.capacity docs [LANE.json [GROWTH.json]]``.

Results of ``penstock bench lane --json`` and ``penstock bench growth --json``, where given, first become the figures of
``bench/capacity.json``. A test compares the page with what is rendered here, so what is derived on it can be trusted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

FIGURES: Final = Path("bench/capacity.json")
RATES: Final = (1_000, 10_000, 100_000)
_DAY_S: Final = 86_400
_GB: Final = 10**9
_NOT_MEASURED: Final = "–"


class Figures(msgspec.Struct):
    """What was measured: bytes a payment, and what a million customers take. None = not measured."""

    commit: str = ""
    machine: str = ""
    accounts: int = 0
    journal_heap: float | None = None
    primary_key: float | None = None
    id_index: float | None = None
    wal: float | None = None
    checkpoint_bytes: int | None = None
    lane_mib_per_million_customers: float | None = None
    opening_s_per_million: float | None = None
    #: Which runs measured the indices, and memory and opening, where those are others than the one named above.
    id_index_run: str = ""
    growth_run: str = ""

    def taking(self, lane: dict[str, Any]) -> Figures:
        """These figures with those of a run of ``bench lane``."""
        each = lane["volume"]["bytes_per_payment"]
        found = {name: each[name] for name in ("journal_heap", "primary_key", "id_index", "wal") if each[name] is not None}
        if "id_index" in found:
            found["id_index_run"] = f"`bench lane` with {lane['accounts']:,} accounts at commit {lane['commit']}"
        machine = lane["machine"]
        told = f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB"
        return msgspec.structs.replace(
            self, **found, commit=lane["commit"], machine=told, accounts=lane["accounts"],
            checkpoint_bytes=lane["volume"]["checkpoint_bytes"] or None,
        )  # fmt: skip

    def taking_growth(self, growth: dict[str, Any]) -> Figures:
        """These figures with those of a run of ``bench growth``."""
        large = growth["large"]
        opening_s = round(large["opening_s"] / large["accounts"] * 1e6, 1)
        mib = growth["lane_mib_per_million_customers"]
        run = f"`bench growth` to {large['accounts']:,} accounts at commit {growth['commit']}"
        return msgspec.structs.replace(self, lane_mib_per_million_customers=mib, opening_s_per_million=opening_s, growth_run=run)

    def kept(self) -> float | None:
        """Bytes a payment that stay, for as long as the journal is kept."""
        return _sum(self.journal_heap, self.primary_key, self.id_index)


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def render_capacity(figures: Figures) -> str:
    """The page."""
    return f"{_HEAD.format(source=_source(figures))}{_bytes(figures)}{_BETWEEN}{_days(figures)}{_MEMORY}{_memory(figures)}{_BEYOND}"


def _source(figures: Figures) -> str:
    """Which runs measured what."""
    if not figures.commit:
        return "Not measured yet."
    told = f"Measured by `bench lane` at commit {figures.commit} on {figures.machine}, with {figures.accounts:,} accounts."
    indices = f" The indices: {figures.id_index_run}." if figures.id_index_run else ""
    growth = f" Memory and opening: {figures.growth_run}." if figures.growth_run else ""
    return told + indices + growth


def _bytes(figures: Figures) -> str:
    rows = [
        ("journal: the row, with its 64 features", figures.journal_heap, "for ever"),
        ("journal: primary key (lane, first_seq)", figures.primary_key, "for ever"),
        ("a closed partition: sorted ids, rows that follow others", figures.id_index, "for ever"),
        ("**kept in all**", figures.kept(), "for ever"),
        ("write-ahead log", figures.wal, "until the standby or the archive has it"),
    ]
    return _table(("what", "bytes a payment", "stays"), [(name, _number(value), stays) for name, value, stays in rows])


def _days(figures: Figures) -> str:
    rows = [
        (f"{rate:,}/s", f"{rate * _DAY_S:,}", _gigabytes(figures.kept(), rate), _gigabytes(figures.wal, rate))
        for rate in RATES
    ]
    return _table(("rate, day and night", "payments a day", "journal, GB a day", "WAL, GB a day"), rows)


def _memory(figures: Figures) -> str:
    checkpoint_mb = None if figures.checkpoint_bytes is None else figures.checkpoint_bytes / 1e6
    rows = [
        ("memory of the lane for each million customers with one account, MiB", _number(figures.lane_mib_per_million_customers)),
        (f"a whole checkpoint with {figures.accounts:,} accounts, MB", _number(checkpoint_mb)),
        ("opening a million customers with an account and money by the benchmark, s", _number(figures.opening_s_per_million)),
    ]
    return _table(("what", "measured"), rows)


def _gigabytes(bytes_each: float | None, rate: int) -> str:
    return _NOT_MEASURED if bytes_each is None else f"{bytes_each * rate * _DAY_S / _GB:,.1f}"


def _number(value: float | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:,.1f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def read_figures(path: Path = FIGURES) -> Figures:
    """The figures that were kept."""
    return msgspec.json.decode(path.read_bytes(), type=Figures)


def main(arguments: Sequence[str]) -> None:
    """Take figures from results, if any, and write the page."""
    docs, *results = arguments
    figures = read_figures()
    for result in results:
        found = msgspec.json.decode(Path(result).read_bytes())
        figures = figures.taking_growth(found) if found["bench"] == "growth" else figures.taking(found)
    FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    (Path(docs) / "capacity.md").write_text(render_capacity(figures), "utf-8")


_HEAD: Final = """\
# Capacity

How much disk and memory an installation needs. This page is rendered from `bench/capacity.json` by `make docs`; what is measured
comes from two benchmarks, and everything else follows from it by arithmetic:

```sh
penstock bench lane --json > lane.json        # volume.bytes_per_payment, volume.checkpoint_bytes
penstock bench growth --json > growth.json    # lane_mib_per_million_customers
python -m penstock.app.bench.capacity docs lane.json growth.json
```

{source}

## A payment on disk

"""
_BETWEEN: Final = """
A payment is one row, and each thing that happens to it later (a refund, a label, a decision of a reviewer) another of the same size.
A reference and metadata lie beside the row and come on top. What is looked up in it is written down when a partition of `partition_rows`
rows is closed; a run that closes none cannot measure them, one with `PENSTOCK_PARTITION_ROWS=100000` does. The log holds a whole page the first time that it changes after a checkpoint
of PostgreSQL, and what the office's tails and the keeper write; its rate falls where `max_wal_size` allows rarer checkpoints.

## A day

"""
_MEMORY: Final = """
Disk is read and written in order; the journal is never changed, so old partitions can lie on slower disks (a tablespace of their own), and
be backed up once.

## Memory

"""
_BEYOND: Final = """
Beside customers and accounts the lane remembers devices, networks, places and pairs, as many as the settings `entities_max` and
`pairs_max` allow: that memory is bounded whatever comes, and the longest unused are forgotten. All tables of the lane are reserved
at the start and touched when they are needed. Each edge holds a ring of `ring_slots` commands; PostgreSQL its `shared_buffers`, and the keeper 28 B for each row of the partition that is being filled, and 16 B more for one that follows another of its payment.

On disk the newest checkpoints are kept (`checkpoints_kept`); unchanged pieces are shared between them.

## Past one machine

1. **PostgreSQL of its own machine** (`PENSTOCK_DATABASE_URL`): the lane needs a commit in a few milliseconds, so the network between
   them counts; its CPU is a third of a payment's.
2. **Edges of their own** take TLS, HTTP and decoding off the lane's machine only where they share its memory: rings are shared memory. On
   the same machine, more edges (`edges`) use more cores.
3. **More lanes.** A lane is one writer, so a lane's ceiling is one core for decisions. Customers are split between lanes by
   `lane`; a payment between customers of two lanes needs the settlement between lanes, which is not built yet.
4. **Old partitions** can be detached and archived when the law allows; `penstock verify` needs them for what it proves about their time.
"""


if __name__ == "__main__":
    main(sys.argv[1:])
