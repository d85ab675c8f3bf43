"""The reason codes and the state table as documents: ``docs/reasons.md``, ``docs/states.md`` and ``GET /v1/reasons``.

A test compares the files with what is rendered here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from penstock.contracts.commands import Kind
from penstock.contracts.reasons import EXPLANATIONS, WITHOUT_TRACE, Reason
from penstock.contracts.states import FOLLOW_UPS, TRANSITIONS, State


class ReasonView(msgspec.Struct, frozen=True):
    """One reason code for people and machines."""

    reason: str
    code: int
    status: int
    iso20022: str
    retry: str
    recorded: bool
    message: dict[str, str]
    next_step: dict[str, str]


def reason_views() -> list[ReasonView]:
    """All reasons in the order of their precedence."""
    return [
        ReasonView(
            reason.name.lower(), int(reason), row.http, row.iso20022, row.retry.value, reason not in WITHOUT_TRACE,
            {"en": row.en, "zh": row.zh}, {"en": row.next_en, "zh": row.next_zh},
        )
        for reason, row in sorted(EXPLANATIONS.items())
    ]  # fmt: skip


def render_reasons() -> str:
    """``docs/reasons.md``."""
    lines = [
        "# Reason codes",
        "",
        "Rendered from `src/penstock/contracts/reasons.py`; a test compares the two. Codes are numbered once and never",
        "reused. Their order is their precedence: when several apply, the lowest number is reported. The same table is",
        "served at `GET /v1/reasons`. Reasons that are *not recorded* leave no journal row.",
        "",
        "| code | reason | HTTP | ISO 20022 | retry | recorded | message | next step |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {view.code} | `{view.reason}` | {view.status} | {view.iso20022 or '–'} | `{view.retry}` "
        f"| {'yes' if view.recorded else 'no'} | {view.message['en']}<br>{view.message['zh']} "
        f"| {view.next_step['en']}<br>{view.next_step['zh']} |"
        for view in reason_views()
    ]
    return "\n".join(lines) + "\n"


def render_states() -> str:
    """``docs/states.md``."""
    lines = [
        "# The life of a payment",
        "",
        "Rendered from `src/penstock/contracts/states.py`; a test compares the two. A `pay` starts a payment as `cleared`,",
        "`held`, `delayed`, `review` or `declined`. For the commands that follow, each cell is the state afterwards, or",
        "the reason of the refusal in italics. A `clear` or `release` of a part leaves the payment `held`; a give-back of",
        "the rest after a partial clear ends it `cleared`; a part given back of what was cleared leaves it `cleared`. What",
        "freezes, closed accounts, the bank and limits add to this table is in [payment-life.md](payment-life.md).",
        "",
        "| state | number | " + " | ".join(f"`{kind.name.lower()}`" for kind in FOLLOW_UPS) + " |",
        "| --- | --- | " + " | ".join("---" for _ in FOLLOW_UPS) + " |",
    ]
    for state in State:
        cells = [_cell(state, kind) for kind in FOLLOW_UPS]
        lines.append(f"| `{state.name.lower()}` | {int(state)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(state: State, kind: Kind) -> str:
    transition = TRANSITIONS[state, kind]
    if transition.reason is not Reason.OK:
        return f"*{transition.reason.name.lower()}*"
    return f"**{transition.next.name.lower()}**"


def write(folder: Path) -> None:
    """Write both documents into ``folder``."""
    (folder / "reasons.md").write_text(render_reasons(), "utf-8")
    (folder / "states.md").write_text(render_states(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
