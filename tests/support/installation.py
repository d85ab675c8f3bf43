"""A whole installation, as `penstock serve` runs it: real processes, real HTTPS, in a folder of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.app import running, wiring
from penstock.app.supervisor import is_ready
from penstock.kit import postgres
from penstock.kit.settings import Settings, load_settings

#: Small, so that a start is fast and limits are near.
SMALL = {"entities_max": "20000", "pairs_max": "50000", "labels_max": "1000", "customers_max": "20000", "accounts_max": "50000", "holds_max": "50000", "partition_rows": "10000", "ring_slots": "4096"}
#: Small partitions, closed and indexed within seconds, and checkpoints all the time.
BUSY = {
    "customers_max": "5000", "accounts_max": "5000", "holds_max": "5000", "holds_per_account": "2000",
    "partition_rows": "1000", "batch_rows": "200", "expiries_per_batch": "50", "partitions_ahead": "4",
    "checkpoint_interval_s": "0.5", "key_refresh_s": "0.1", "reply_timeout_s": "5", "head_interval_s": "0.2",
    "old_ids_per_second": "100000",
}  # fmt: skip
#: Below the ports that the kernel gives to outgoing connections, so that an edge finds its own free again.
_PORTS = range(20_000, 32_000)


@dataclass
class Installation:
    """Starts and stops `penstock serve` on ``home``; give settings by name, as texts."""

    home: Path
    changes: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.settings: Settings = load_settings({}, home=self.home, **{"port": str(_free_port()), **SMALL, **self.changes})

    @property
    def environment(self) -> dict[str, str]:
        """The environment of `penstock` commands for this installation."""
        return wiring.environment(self.settings)

    @property
    def log(self) -> str:
        """What all processes have logged."""
        return (self.home / "serve.log").read_text("utf-8", errors="replace")

    def start(self, timeout_s: float = 400) -> None:
        """Start it and wait until it is ready: seconds, or minutes when the kernels are compiled first."""
        with (self.home / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "penstock", "serve", "--shared-buffers", "64", "--wal", "256"],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait(self.is_ready, timeout_s)

    def is_ready(self) -> bool:
        """Whether all edges of this supervisor are; fails when it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, f"`penstock serve` ended:\n{self.log[-4000:]}"
        status = running.read_status(self.home)
        ours = status is not None and status["pid"] == self._process.pid
        return ours and all(is_ready(self.settings, edge) for edge in range(self.settings.edges))

    def pid(self, name: str) -> int | None:
        """Process id of ``postgres``, ``keeper``, ``lane``, ``edge-0`` as the supervisor notes it."""
        status = running.read_status(self.home)
        return None if status is None else status["processes"].get(name)

    def kill(self, name: str) -> int:
        """`kill -9` one process (``supervisor`` too); its id."""
        pid = self._process.pid if name == "supervisor" and self._process else self.pid(name)
        assert pid is not None, f"{name} does not run"
        os.kill(pid, signal.SIGKILL)
        if name == "supervisor" and self._process:
            self._process.wait()
        return pid

    def stop(self, timeout_s: float = 60) -> int:
        """Stop it in good order; the supervisor's exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout_s)

    def remove(self) -> None:
        """Stop whatever still runs, also after a killed supervisor."""
        if self._process is not None:
            self.stop()
        running.end_left_over(self.home)
        if (self.home / "postgres" / "postmaster.pid").exists():
            postgres.start(self.home, shared_buffers_mb=32, wal_mb=64).stop()
        postgres.remove_runtime_folder(self.home)

    def wait(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s:\n{self.log[-4000:]}"
            time.sleep(0.05)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `penstock` command for this installation."""
        command = [sys.executable, "-m", "penstock", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def installed(*, policy: str = "", **changes: str) -> Iterator[Installation]:
    """An installation of its own that runs, with a policy in TOML; removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="penstock-serve-", dir="/tmp"))
    home.chmod(0o755)
    if policy:
        (home / "policy.toml").write_text(policy, "utf-8")
        changes["policy_file"] = str(home / "policy.toml")
    made = Installation(home, changes)
    try:
        made.start()
        yield made
    finally:
        made.remove()
        shutil.rmtree(home)


def _free_port() -> int:
    """A port that nobody listens on."""
    for port in random.SystemRandom().sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
