"""Events and webhooks of a whole installation whose processes die: none is missed, all are signed, waiting ends in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from support.bank import SCOPES, Bank, wish
from support.installation import BUSY, installed
from support.policies import journey_policy
from support.receiver import receiving

_ROUNDS, _PAYMENTS = 12, 25
_PATIENCE_S = 90


def _read_all(bank: Bank) -> list[int]:
    """The sequences of all payments that cleared, by following the cursor."""
    seqs: list[int] = []
    cursor = "0"
    while True:
        page = bank.get(f"/v1/events?types=payment.cleared&limit=40&after={cursor}")
        seqs += [event["seq"] for event in page["events"]]
        if not page["events"] and page["next_seq"] >= page["as_of_seq"]:
            return seqs
        cursor = page["next_cursor"]


def test_whatever_dies_every_event_arrives() -> None:
    changes = {**BUSY, "webhook_private_addresses": "1", "webhook_timeout_s": "2", "webhook_first_retry_s": "0.5"}
    with (
        installed(policy=journey_policy(datetime.now(UTC)), **changes) as installation,
        receiving() as receiver,
        Bank(installation, scopes=[*SCOPES, "webhooks:write"]) as bank,
    ):
        made = bank.send("POST", "/v1/webhooks", {"url": receiver.url, "types": ["payment.cleared"]}).body
        payer, payee = bank.account(1_000_000), bank.account()
        paid: list[int] = []
        for number in range(_ROUNDS):
            outcomes = bank.batch([{**wish(payer, payee, 10), "command": "pay"} for _ in range(_PAYMENTS)])
            paid += [outcome["seq"] for outcome in outcomes]
            if number in {2, 5, 8}:
                installation.kill({2: "office", 5: "lane", 8: "office"}[number])
        deadline = time.monotonic() + _PATIENCE_S
        expected = {f"{made['webhook']}_0_{seq}" for seq in paid}
        while not expected <= set(receiver.messages):
            assert time.monotonic() < deadline, f"{len(expected - set(receiver.messages))} are missing"
            time.sleep(0.1)
        assert set(receiver.messages) == expected
        assert all(request.is_signed_by(made["secret"]) for request in receiver.received)
        assert _read_all(bank) == paid
        assert bank.get(f"/v1/webhooks/{made['webhook']}")["state"] == "enabled"
        _stop_while_waiting(installation.stop, bank)


def _stop_while_waiting(stop: Callable[[], int], bank: Bank) -> None:
    """A request that waits for events does not hold up the end of its edge, and is answered."""
    answers: list[int] = []

    def wait() -> None:
        with bank.client() as own:
            answers.append(own.send_once("GET", "/v1/events?after=latest&wait_s=25").status)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(1.0)
    started = time.monotonic()
    assert stop() == 0
    took_s = time.monotonic() - started
    waiting.join(30)
    assert answers == [200]
    assert took_s < 20
