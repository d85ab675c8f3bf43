"""`penstock import` through a running system: once, again, and after being killed in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.installation import Installation

MAPPING = """
[payer]
column = "from"
tier = "merchant"
[payee]
column = "to"
tier = "merchant"
[amount]
column = "sum"
[reference]
column = "note"
[rows]
on_bad_row = "skip"
"""


@pytest.fixture
def installation(home: Path) -> Iterator[Installation]:
    running = Installation(home)
    try:
        running.start(timeout_s=500)
        yield running
    finally:
        running.remove()


def payments(folder: Path, count: int) -> tuple[str, ...]:
    rows = [f"p{n % 50},q{n % 70},{n % 90 + 0.5:.2f},note {n}" for n in range(count)]
    (folder / "payments.csv").write_text("\n".join(("from,to,sum,note", *rows, "p1,q1,-5,bad", "p1,q1,0,bad")) + "\n", "utf-8")
    (folder / "mapping.toml").write_text(MAPPING, "utf-8")
    return ("import", str(folder / "payments.csv"), "--mapping", str(folder / "mapping.toml"), "--json")


def summary(installation: Installation, arguments: tuple[str, ...]) -> dict[str, Any]:
    ended = installation.run(*arguments)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.timeout(600)
def test_an_import_is_done_once_however_often_it_is_started(installation: Installation, tmp_path: Path) -> None:
    arguments = payments(tmp_path, 2_500)
    first = summary(installation, arguments)
    assert first["payments"] == [{"state": "cleared", "reason": "ok", "payments": 2_500}]
    assert first["bad_rows"] == {"amount_negative": 1, "amount_zero": 1}
    assert (first["customers"], first["accounts"], first["deposits"], first["replayed"]) == (120, 120, 50, 0)
    assert first["deposited_minor"] == {"CNY": first["amounts_minor"][0]["amount_minor"]}  # covers exactly
    again = summary(installation, arguments)
    assert again["replayed"] == 120 + 120 + 50 + 2_500
    assert again["payments"] == first["payments"]
    _forget_answers(installation.home)
    repeated = summary(installation, arguments)  # everything is sent again, under the same ids
    assert (repeated["replayed"], repeated["payments"]) == (again["replayed"], first["payments"])
    assert _rows(installation) == 120 + 120 + 50 + 2_500


@pytest.mark.timeout(600)
def test_a_killed_import_continues(installation: Installation, tmp_path: Path) -> None:
    arguments = payments(tmp_path, 20_000)
    process = subprocess.Popen([sys.executable, "-m", "penstock", *arguments], env=installation.environment, stdout=subprocess.PIPE)
    log = installation.home / "imports"
    while not any("payments 1" in path.read_text("utf-8") for path in log.glob("*.jsonl")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = summary(installation, arguments)
    assert found["payments"] == [{"state": "cleared", "reason": "ok", "payments": 20_000}]
    assert 0 < found["replayed"] < 20_000
    assert _rows(installation) == 120 + 120 + 50 + 20_000
    assert installation.run("verify").returncode == 0


def test_an_error_in_the_file_is_told_in_a_sentence(tmp_path: Path, home: Path) -> None:
    arguments = payments(tmp_path, 1)
    (tmp_path / "mapping.toml").write_text(MAPPING.replace('"sum"', '"amount"'), "utf-8")
    ended = Installation(home).run(*arguments, "--url", "https://127.0.0.1:9", "--key", "k", "--cacert", str(tmp_path))
    assert ended.returncode == 2
    assert "column 'amount' (amount.column) is not in the file; it has 'from', 'to', 'sum', 'note'" in ended.stderr


def test_without_a_system_it_says_how_to_start_one(tmp_path: Path, home: Path) -> None:
    ended = Installation(home).run(*payments(tmp_path, 1))
    assert ended.returncode == 2
    assert "penstock serve" in ended.stderr


def _forget_answers(home: Path) -> None:
    """Leave only what was sent in the import's log, as if each batch had been broken off before its answer."""
    for path in (home / "imports").glob("*.jsonl"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "sent_ms" in line), "utf-8")


def _rows(installation: Installation) -> int:
    """How many commands of the import are in the journal."""
    import psycopg

    from penstock.app import wiring

    with psycopg.connect(wiring.dsn(installation.settings, "penstock_edge")) as connection:
        found = connection.execute("SELECT count(*) FROM penstock.journal WHERE client > 0").fetchone()
    assert found is not None
    return int(found[0])
