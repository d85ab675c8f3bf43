"""What the auditor found: at most a hundred findings in order of their place, and a count of all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock.review.verify.columns import BoolArray, IntArray, Rows

MOST: Final = 100


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be.

    ``seq`` is the row that it is about, or the first; ``until_seq`` the row at which it is certain: the same, the end
    of a batch, or the end of the lane.
    """

    check: str
    lane: int
    seq: int
    account: int
    expected: int | str | None
    found: int | str | None
    sentence: str
    until_seq: int = 0

    def place(self) -> tuple[int, int, int]:
        """The order of findings: what is certain at the lowest sequence comes first, a row before its batch."""
        return max(self.seq, self.until_seq), -self.seq, self.lane


class Findings:
    """Collects the findings of one lane."""

    def __init__(self, lane: int) -> None:
        self.lane = lane
        self.counts: Counter[str] = Counter()
        self._kept: dict[str, list[Finding]] = {}

    def add(
        self,
        check: str,
        seq: int,
        sentence: str,
        *,
        expected: int | str | None = None,
        found: int | str | None = None,
        account: int = 0,
        until_seq: int = 0,
    ) -> None:
        """Note one finding."""
        self.counts[check] += 1
        kept = self._kept.setdefault(check, [])
        kept.append(Finding(check, self.lane, seq, account, expected, found, sentence, until_seq or seq))
        if len(kept) > 2 * MOST:  # each check finds in ascending order, but for those made at the end
            kept.sort(key=Finding.place)
            del kept[MOST:]

    def mark(
        self,
        check: str,
        wrong: BoolArray,
        seqs: IntArray,
        sentence: str,
        *,
        expected: IntArray | int | None = None,
        found: IntArray | None = None,
        account: IntArray | None = None,
        until_seq: int = 0,
    ) -> None:
        """Note each row for which ``wrong`` holds; ``sentence`` may name seq, expected, found and account in braces.

        ``until_seq`` is the row at which it is certain, when that is not the row itself.
        """
        places = np.flatnonzero(wrong)
        if not len(places):
            return
        places = places[np.argsort(seqs[places], kind="stable")]
        for place in places[:MOST]:
            values = {
                "expected": _at(expected, place), "found": _at(found, place), "account": _at(account, place) or 0,
            }  # fmt: skip
            seq = int(seqs[place])
            self.add(check, seq, sentence.format(seq=seq, **values), until_seq=until_seq, **values)  # type: ignore[arg-type]
        self.counts[check] += max(0, len(places) - MOST)

    def compare(
        self, check: str, rows: Rows, place: IntArray, name: str, expected: IntArray | int, found: IntArray | None = None
    ) -> None:
        """Note the rows at ``place`` whose column ``name`` is not as ``expected``; ``found`` when it is no column."""
        values = rows[name][place] if found is None else found
        expected = np.broadcast_to(np.asarray(expected, dtype=np.int64), values.shape)
        self.mark(
            check, values != expected, rows["seq"][place], f"Row {{seq}} has the {name} {{found}}; it should be {{expected}}.",
            expected=expected, found=values, account=rows["payer_account"][place],
        )  # fmt: skip

    def kept(self) -> list[Finding]:
        """The findings that were kept, in order of their place."""
        return sorted((f for kept in self._kept.values() for f in kept), key=Finding.place)


def _at(values: IntArray | int | None, place: Any) -> int | None:
    if values is None or isinstance(values, int):
        return values
    return int(values[place])
