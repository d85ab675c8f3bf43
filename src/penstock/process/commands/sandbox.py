"""Test values: in a sandbox the reference ``sandbox:<reason or state>`` forces an outcome. docs/sandbox.md is this table.

The lane looks the command's names up first and then does as the reference says, with a row as always. Outside a
sandbox such a reference is a text like any other.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE
from penstock.contracts.reasons import EXPLANATIONS, WITHOUT_TRACE, Reason
from penstock.contracts.states import State
from penstock.kit.http.problem import wrong_field

PREFIX: Final = "sandbox:"
#: Reasons that a reference can force. The others leave no row, and a command's id alone provokes them.
REASONS: Final = {
    reason.name.lower(): FORCE_REASON + reason for reason in Reason if reason is not Reason.OK and reason not in WITHOUT_TRACE
}
#: States in which a payment can be made to begin.
STATES: Final = {state.name.lower(): FORCE_STATE + state for state in (State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE)}


def option(reference: str | None, *, pays: bool, field: str) -> int:
    """What a reference forces, as the option of a command; 0 when it forces nothing.

    :param pays: whether the command is `pay`, which alone begins in a chosen state.
    :param field: where the reference stands, for the problem.
    :raises Problem: 422 when it names no reason or state.
    """
    if reference is None or not reference.startswith(PREFIX):
        return 0
    word = reference.removeprefix(PREFIX)
    found = REASONS.get(word) or (STATES.get(word) if pays else None)
    if found is None:
        fix = "name a reason of GET /v1/reasons that leaves a row" + (", or held, delayed, review, challenge" if pays else "")
        raise wrong_field(field, f"{word[:40]!r} cannot be forced here", fix)
    return found


def render() -> str:
    """``docs/sandbox.md``."""
    lines = [
        "# Sandbox: every outcome on demand",
        "",
        "Rendered from `src/penstock/process/commands/sandbox.py` and the table of reasons; a test compares them. With the",
        "setting `sandbox = 1`, which production refuses, a `reference` forces what becomes of a `pay`, `deposit`, `withdraw`",
        "or `refund`, after its accounts or payment have been looked up: whatever funds, limits and freezes there are. The",
        "answer, the journal row, events and webhooks are those of the real thing.",
        "",
        "```json",
        '{"id": "…", "payer": "acc_…", "payee": "acc_…", "amount_minor": 1200, "currency": "CNY", "type": "transfer",',
        ' "reference": "sandbox:insufficient_funds"}',
        "```",
        "",
        "A word that is not in these tables is refused with 422. Without `sandbox = 1` the reference is a text like any other.",
        "",
        "## States in which a `pay` begins",
        "",
        "On a payment that passes every check, with the policy's own times.",
        "",
        "| reference | state |",
        "| --- | --- |",
        *(f"| `{PREFIX}{name}` | `{name}` |" for name in STATES),
        "",
        "## Reasons",
        "",
        "| reference | code | HTTP | retry | message |",
        "| --- | --- | --- | --- | --- |",
        *(_line(reason) for reason in Reason if reason.name.lower() in REASONS),
        "",
        "## The three reasons without a row",
        "",
        "| reason | how to provoke it |",
        "| --- | --- |",
        "| `id_conflict` | send another content under an id that was used |",
        "| `id_from_future` | make the id with a clock that is a minute ahead |",
        "| `id_expired` | make the id with a clock that is two days behind |",
    ]
    return "\n".join(lines) + "\n"


def _line(reason: Reason) -> str:
    told = EXPLANATIONS[reason]
    return f"| `{PREFIX}{reason.name.lower()}` | {int(reason)} | {told.http} | `{told.retry.value}` | {told.en}<br>{told.zh} |"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "sandbox.md").write_text(render(), "utf-8")
