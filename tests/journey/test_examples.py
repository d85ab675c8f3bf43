"""The examples run as their pages say, on a running installation, and do with each kind of answer what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.bank import SCOPES, Bank

from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.process.commands import sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(bank: Bank, program: str, *arguments: str) -> list[str]:
    """The lines that a program prints with the bank's key."""
    access = bank.access
    known = {"PENSTOCK_URL": access.url, "PENSTOCK_CA": str(access.ca_file), "PENSTOCK_KEY": access.key}
    command = [sys.executable, str(EXAMPLES / program), *arguments]
    done = subprocess.run(command, env={**os.environ, **known}, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_day_in_the_shop(bank: Bank) -> None:
    lines = run(bank, "shop.py")
    assert lines[:3] == [
        "order 1 is paid: the money is held",
        "shipped for 10000, the rest went back: cleared",
        "refunded 3000, 7000 could still be",
    ]
    assert lines[3].startswith("refund of too much: amount_above_left: The amount is more than what is left")
    poor = EXPLANATIONS[Reason.INSUFFICIENT_FUNDS]
    assert lines[4:8] == [
        "the rest: refunded",
        f"order 2 is declined (after_change): {poor.en} {poor.next_en}",
        "order 3 is paid",
        "sent twice, done once: replayed True",
    ]
    assert "our mistake: 422" in lines[8]
    assert "amount_minor" in lines[8]
    assert lines[9] == "the shop has 0"


def test_the_shop_knows_what_to_do_with_every_outcome(bank: Bank) -> None:
    lines = run(bank, "shop.py", "--rehearse")[10:]
    assert [line.partition(":")[0] for line in lines] == [*sandbox.STATES, *sandbox.REASONS]
    assert [line.partition(", until")[0] for line in lines[:3]] == [
        "held: order paid, final False", "delayed: order waits, final False", "review: order waits, final False",
    ]  # fmt: skip
    assert all("order declined" in line for line in lines[3:])


def test_the_first_payment(bank: Bank) -> None:
    lines = run(bank, "first_payment.py")
    assert any("insufficient_funds" in line for line in lines)


def test_the_page_names_the_scopes_that_the_shop_needs() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    wanted = {"customers:write", "ledger:write", "payments:write", "read"}
    assert {scope for scope in wanted if f"--scope {scope}" in page} == wanted <= set(SCOPES)
