"""DBOS on our own database: what was killed goes on with the steps that are done, and what is old is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.bank import until
from support.database import Database

from penstock.kit import postgres, workflows


def run(database: Database, what: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TEST_DSN": database.dsn("penstock_office"), "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-m", "support.two_steps", what], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_workflow_goes_on_after_its_process_was_killed_and_is_forgotten_in_time(database: Database) -> None:
    for _ in range(2):  # the second time there is nothing to do
        workflows.prepare(database.dsn(postgres.ADMIN), "penstock_office")
    with run(database, "begin") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "step a\n"
        with database.connect("penstock_office", autocommit=True) as connection:
            count = "SELECT count(*) FROM dbos.operation_outputs"
            until(lambda: connection.execute(count).fetchone() != (0,))
        first.kill()
    with run(database, "go_on") as second:
        told, _ = second.communicate(timeout=60)
    assert told.splitlines() == ["step b", "result ab", "known True", "known False"], "a step that is done is not done again"
