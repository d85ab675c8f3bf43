"""The table of event types as ``docs/events.md``; a test compares the file with what is rendered here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from penstock.contracts.events import EVENT_TYPES

_HEAD: Final = """\
# Events

What happened, read in order with `GET /v1/events` or sent by [webhooks](webhooks.md). An event is a row of the journal,
shown to those whom it concerns; nothing is copied, so an event can be read as long as its row exists.

## Reading

`GET /v1/events?after=&types=&limit=&wait_s=`, scope `read`.

- `after`: the `next_cursor` of the answer before, or a sequence; absent = from the first row; `latest` = only what comes now.
- `types`: names of the table below, separated by commas; `payment.*` means all that begin so. Absent = all.
- `limit`: events in the answer, up to `page_entries`.
- `wait_s`: up to `event_wait_s`. When there is nothing yet, the answer waits so long. At most `event_polls` requests of
  one client wait at one edge; beyond: 429 `polls_exceeded`.

The answer: `events` in the order of `seq`, `next_cursor` and `next_seq` (where to go on), `as_of_seq` (how far events could be read).
One request looks at no more than `event_scan_rows` rows, also when they all belong to others: then it has no events
and a cursor that is further on. **Keep the cursor only after you have worked on the events**: then none is missed,
and after a crash some come again (*at least once*); `id` and `seq` tell them.

Events can be read a moment after they are committed: who owns a new account is noted first (`penstock_office`).

## Whose events

- A payment's: the client that sent it, and the clients of the payer's and of the payee's customer, whoever sent the
  command that follows, the lane's own included. Not told to the payee: that a
  payment was declined or challenged, or what has become known of it (`payment.labelled`).
- An account's or a customer's: its client, and the client that sent the command.
- Keys with the scope `operate` see all; `policy.published`, `approvals.changed`, `model.published` and `model.withdrawn` are for them
  alone.

## An event

```json
{"id": "evt_…", "type": "payment.cleared", "time": "2026-01-02T03:04:05.678901Z", "seq": 4711,
 "data": {"command": "pay", "state": "cleared", "reason": "ok", "payment": "pay_…", "payment_type": "transfer",
          "payer": "acc_…", "payee": "acc_…", "currency": "CNY", "amount_minor": 1200, "moved_minor": 1200}}
```

`data` says what the row did: `command`, `state` afterwards, `reason`; then, where they apply: `payment`, `payment_type`, `payer`,
`payee`, `account`, `customer`, `currency`, `amount_minor` (asked for), `held_minor`, `moved_minor`, `fee_minor` (changes, as in an outcome; 0 is left out), `left_minor`
(what can still be given back), `expires`, `begins`, `option` (which variant), `to_suspense`, `policy_version`. Free text of a
command is not in it; `GET /v1/payments/{payment}` has it. Readers ignore members that they do not know.

## The types

Rendered from `src/penstock/contracts/events.py`. `GET /v1/event-types` serves the same table.

| type | English | 中文 |
| --- | --- | --- |
"""


def render_events() -> str:
    """``docs/events.md``."""
    return _HEAD + "".join(f"| `{kind.name}` | {kind.en} | {kind.zh} |\n" for kind in EVENT_TYPES.values())


def write(folder: Path) -> None:
    """Write the document into ``folder``."""
    (folder / "events.md").write_text(render_events(), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
