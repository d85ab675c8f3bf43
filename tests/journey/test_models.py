"""A model's way into force, typed as an analyst types it: publish, approve with the printed line, pay, withdraw."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.bank import Bank, until
from support.installation import Installation
from support.published import amount_folder, score_of

REASON = ("--reason", "it finds more")


def test_a_model_is_published_scores_and_is_withdrawn(installation: Installation, bank: Bank, tmp_path: Path) -> None:
    folder = str(amount_folder(tmp_path / "model"))
    payer, payee = bank.account(100_000), bank.account()
    with (
        Bank(installation, "models", ["models:write"], owner="Mina") as mina,
        Bank(installation, "models", ["approve"], owner="Bo") as bo,
    ):
        key = ("--key", mina.access.key)

        def model(*arguments: str) -> str:
            done = installation.run("model", *arguments, *key)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        assert bank.pay(payer, payee, 900)["model_version"] == 0
        told = model("publish", folder, *REASON)
        assert "asked for by Mina, waits for 1 more approval" in told
        assert '  [[risk]]\n  type = "any"\n  review = 0.25\n\n' in told, "a threshold above 1 is none"
        assert model("publish", folder, *REASON) == told, "asking twice is asking once"
        assert json.loads(type_printed(told, bo.access.key))["status"] == "done"
        assert "approved by Bo" in model("publish", folder, *REASON)
        assert "approved by Bo" in model("list")
        sha256 = json.loads(model("list", "--json"))["in_force"]["model"]
        assert sha256 in model("show", sha256[:12])

        installation.kill("lane")
        scored = bank.pay(payer, payee, 900)
        assert (scored["model_version"], scored["score"]) == (1, pytest.approx(score_of(900), abs=1e-6))

        type_printed(model("withdraw", *REASON), bo.access.key)
        assert "No model is in force" in model("list")
        assert until(lambda: bank.pay(payer, payee, 900))["score"] is None
        again = installation.run("model", "withdraw", *REASON, *key)
        assert (again.returncode, "nothing to withdraw" in again.stderr) == (2, True)
    verified = installation.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def type_printed(told: str, key: str) -> str:
    """Type the line that a command printed, as another person; what it answers."""
    [line] = re.findall(r"^  (curl .*)$", told, re.MULTILINE)
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={"PENSTOCK_KEY": key}, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def test_what_is_no_model_and_who_is_nobody_is_said_in_a_sentence(installation: Installation, tmp_path: Path) -> None:
    nobody = installation.run("model", "list")
    assert (nobody.returncode, "PENSTOCK_KEY" in nobody.stderr) == (2, True)
    stranger = installation.run("model", "list", "--key", f"psk_{'a' * 12}_{'b' * 52}")
    assert (stranger.returncode, "401" in stranger.stderr) == (2, True)
    nothing = installation.run("model", "publish", str(tmp_path), *REASON, "--key", "psk_")
    assert (nothing.returncode, "no model folder" in nothing.stderr) == (2, True)
