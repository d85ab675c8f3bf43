"""`penstock verify` on the command line: words, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from review.journal_maker import JournalMaker
from review.journal_store import sign_heads, store_journal
from support import planting
from support.database import Database
from typer.testing import CliRunner

from penstock.app.cli import make_app


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(make_app(), ["verify", *words], env={"PENSTOCK_HOME": str(home)})


@pytest.fixture
def journal(database: Database, home: Path) -> JournalMaker:
    made = JournalMaker()
    made.pay(made.fund(), made.fund(), 1000)
    made.commit()
    with database.connect("penstock_admin") as connection:
        store_journal(connection, made)
    sign_heads(home, made)
    return made


def test_right(database: Database, home: Path, journal: JournalMaker) -> None:
    url = database.dsn("penstock_auditor")
    told = run(home, "--from-url", url)
    assert told.exit_code == 0, told.output
    assert "Everything is right." in told.stdout
    as_json = run(home, "--json", "--from-url", url, "--head", "latest", "--no-checkpoint")
    report = json.loads(as_json.stdout)
    assert (as_json.exit_code, report["ok"], report["first"]) == (0, True, None)
    assert report["lanes"][0]["rows"] == len(journal.rows)
    assert report["lanes"][0]["sums"]["CNY"] == 0


def test_wrong(database: Database, home: Path, journal: JournalMaker) -> None:
    last = len(journal.rows)
    with database.connect("penstock_admin") as connection:
        planting.change_row(connection, last, moved_minor=lambda minor: minor - 1)
    url = database.dsn("penstock_auditor")
    told = run(home, "--from-url", url)
    assert told.exit_code == 1
    assert "WRONG. The first thing, in lane 0" in told.stdout
    report = json.loads(run(home, "--json", "--from-url", url).stdout)
    assert (report["ok"], report["first"]["seq"]) == (False, last)


def test_could_not_run(database: Database, home: Path) -> None:
    nobody = run(home)
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    assert "set PENSTOCK_HOME" in nobody.stderr
    url = database.dsn("penstock_auditor")
    assert run(home, "--from-url", url, "--head", str(home / "missing.jsonl")).exit_code == 2
    empty = run(home, "--from-url", url, "--head", "latest")
    assert empty.exit_code == 2
    assert "no signed head" in empty.stderr
    away = run(home, "--from-url", f"host={home} dbname=x user=y")
    assert away.exit_code == 2
    assert "cannot be reached" in away.stderr


@pytest.mark.usefixtures("journal")
def test_a_table_of_another_form(database: Database, home: Path) -> None:
    url = database.dsn("penstock_auditor")
    with database.connect("penstock_admin") as connection:
        connection.execute("ALTER TABLE journal_sheet ALTER COLUMN records DROP NOT NULL")
        connection.execute("UPDATE journal_sheet SET records = NULL WHERE first_seq = 1")
    assert "has not the columns" in run(home, "--from-url", url).stderr
    with database.connect("penstock_admin") as connection:
        connection.execute("ALTER TABLE journal_sheet DROP COLUMN records CASCADE")
    assert "cannot be read" in run(home, "--from-url", url).stderr
