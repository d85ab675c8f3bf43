"""Ways to break an installation from outside: kill what runs, tear what lies on the disk."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from penstock.kit import db, postgres
from penstock.kit.secrets import SecretFolder
from support.installation import Installation

Deed = Callable[[Installation, random.Random], str]


def say(text: str) -> None:
    """Tell who watches, or pytest when the test fails, what happens and when."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def kill_edge(installation: Installation, _: random.Random) -> str:
    """`kill -9` of the edge."""
    return f"edge {_kill(installation, 'edge-0')}"


def kill_lane(installation: Installation, _: random.Random) -> str:
    """`kill -9` of the lane."""
    return f"lane {_kill(installation, 'lane')}"


def kill_postmaster(installation: Installation, _: random.Random) -> str:
    """`kill -9` of the database's first process."""
    return f"postmaster {_kill(installation, 'postgres')}"


def kill_backend(installation: Installation, chance: random.Random) -> str:
    """`kill -9` of a database process that serves a connection; the database then restarts them all."""
    postmaster = installation.pid("postgres")
    assert postmaster is not None
    backends = [process for process in psutil.Process(postmaster).children() if "penstock" in "".join(process.cmdline())]
    victim = chance.choice(backends)
    title = "".join(victim.cmdline())
    os.kill(victim.pid, signal.SIGKILL)
    return f"backend {victim.pid} ({title})"


def kill_lane_and_tear_checkpoint(installation: Installation, chance: random.Random) -> str:
    """`kill -9` of the lane, and a tear in the newest checkpoint before the next lane reads it."""
    pid = _kill(installation, "lane")
    folder = newest_checkpoint(installation)
    return f"lane {pid}, {tear(folder, chance)}"


def tear(folder: Path, chance: random.Random) -> str:
    """Truncate, or flip a byte of, the manifest or a segment of a checkpoint; what was done."""
    files = sorted(path for path in folder.iterdir() if path.stat().st_size)
    manifest = [path for path in files if path.name == "manifest.json"]
    path = chance.choice(manifest if chance.random() < 0.4 else files)
    body = bytearray(path.read_bytes())
    place = chance.randrange(len(body))
    if chance.random() < 0.5:
        how, body = f"cut at {place}", body[:place]
    else:
        body[place] ^= 0xFF
        how = f"byte {place} flipped"
    path.unlink()  # the file may be shared with the checkpoint before, which must stay good
    path.write_bytes(body)
    return f"{folder.name}/{path.name} {how}"


def newest_checkpoint(installation: Installation) -> Path:
    """The folder that recovery would take."""
    folder = installation.home / "checkpoints" / f"lane-{installation.settings.lane}"
    return max(folder.glob("[0-9]*"))


def _kill(installation: Installation, name: str) -> int:
    pid = installation.pid(name)
    assert pid is not None, f"{name} does not run"
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)
    return pid


def epochs(installation: Installation) -> list[int]:
    """The epoch of each committed batch, in order of the journal."""
    secrets = SecretFolder(installation.home / "secrets", may_make=False)
    dsn = postgres.make_dsn(installation.home, secrets, "penstock_auditor")
    with db.connect(dsn, name="test") as connection:
        rows = connection.execute("SELECT epoch FROM journal_batch WHERE lane = %s ORDER BY first_seq", [installation.settings.lane])
        return [row[0] for row in rows]
