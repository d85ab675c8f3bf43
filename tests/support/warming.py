"""Compile the kernels before the first test that starts a lane, outside of every test's time-out."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

#: Folders of tests that run a lane, in this process or in another.
_WITH_LANES = {"app", "bench", "chaos", "edge", "importing", "journey", "office", "prepare", "process", "review"}


def warm(items: list[pytest.Item]) -> None:
    """Fill the kernel cache, if a test needs it; one worker does it, the others wait.

    Without a cache this takes a minute or two, with one a few seconds.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
        return  # nothing is compiled
    if not any(_WITH_LANES & set(item.path.parts) for item in items):
        return
    with (Path(tempfile.gettempdir()) / "penstock-test-kernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "-m", "penstock.process.warm"], check=True)
