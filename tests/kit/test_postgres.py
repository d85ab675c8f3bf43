"""The embedded server keeps what it confirmed, whatever happens to it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from penstock.kit import db, postgres

Start = Callable[[], postgres.PostgresServer]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts the home's server, or finds it; what was started is stopped afterwards."""
    started = []

    def start_small() -> postgres.PostgresServer:
        started.append(postgres.start(home, shared_buffers_mb=32, wal_mb=64))
        return started[-1]

    yield start_small
    for server in started:
        server.stop()
    postgres.remove_runtime_folder(home)


def test_a_killed_server_starts_again_with_all_that_was_committed(start: Start) -> None:
    running = start()
    with psycopg.connect(running.dsn(postgres.ADMIN)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
    open_session = psycopg.connect(running.dsn(postgres.ADMIN))
    running.kill()
    assert not running.alive()
    again = start()
    with psycopg.connect(again.dsn(postgres.ADMIN)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)
    open_session.close()


def test_a_running_server_is_found_again(start: Start) -> None:
    running = start()
    found = start()
    assert found.pid == running.pid
    assert found.alive()


def test_a_pid_file_with_the_number_of_another_program_does_not_stop_the_start(
    start: Start, home: Path
) -> None:
    running = start()
    running.stop()
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{home / 'postgres'}\n", "utf-8")
    again = start()
    assert again.alive()
    assert again.pid != os.getpid()


def test_the_server_is_safe_and_private(start: Start, home: Path) -> None:
    running = start()
    with psycopg.connect(running.dsn(postgres.ADMIN)) as connection:
        db.refuse_unsafe_database(connection)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    folder = postgres.runtime_folder(home) / "pg"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    wrong = psycopg.conninfo.make_conninfo(running.dsn(postgres.ADMIN), password="guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_a_server_that_may_forget_is_refused(start: Start) -> None:
    running = start()
    with psycopg.connect(running.dsn(postgres.ADMIN)) as connection:
        connection.execute("SET synchronous_commit = off")
        with pytest.raises(db.UnsafeDatabase, match=r"ALTER SYSTEM SET synchronous_commit = on"):
            db.refuse_unsafe_database(connection)


@pytest.mark.parametrize("version", [90_624, 160_009, 179_999])
def test_a_server_that_is_too_old_is_refused(version: int) -> None:
    with pytest.raises(db.UnsafeDatabase, match=rf"this is PostgreSQL {version // 10_000}, and Penstock needs 18 or newer"):
        db.refuse_old_server(version)


@pytest.mark.parametrize("version", [180_000, 180_001, 190_000])
def test_a_server_that_is_new_enough_is_taken(version: int) -> None:
    db.refuse_old_server(version)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may not run the server itself")
def test_root_starts_the_server_below_a_folder_that_others_may_not_enter(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    server = postgres.start(closed / "inside", shared_buffers_mb=16, wal_mb=64)
    try:
        with psycopg.connect(server.dsn(postgres.ADMIN)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.kill()
        server = postgres.start(closed / "inside", shared_buffers_mb=16, wal_mb=64)
    finally:
        server.stop()
        postgres.remove_runtime_folder(closed / "inside")
