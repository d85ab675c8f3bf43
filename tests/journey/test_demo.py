"""The demonstration, from a fresh home to its summary, twice; its curl lines work as printed."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from support.installation import Installation

from penstock.app.demo.figures import Figures, Latencies

ARGUMENTS = ("demo", "--customers", "60", "--rate", "40", "--seed", "7")


class Line(NamedTuple):
    """A curl line and the status and reason that the line before it promises."""

    title: str
    expected: list[str]
    command: list[str]


def demo(installation: Installation, *more: str) -> str:
    command = [sys.executable, "-m", "penstock", *ARGUMENTS, *more]
    ended = subprocess.run(command, env=installation.environment, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return ended.stdout


def curl_lines(home: Path) -> list[Line]:
    path = home / "curl.sh"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # it holds keys
    lines = path.read_text("utf-8").splitlines()
    return [
        Line(title, title.rpartition("-> ")[2].split(), shlex.split(command))
        for title, command in itertools.pairwise(lines)
        if command.startswith("curl ")
    ]


def run_curl(line: Line) -> list[str]:
    ended = subprocess.run([*line.command, "-w", "\n%{http_code}"], capture_output=True, text=True, check=False)
    body, _, status = ended.stdout.rpartition("\n")
    assert ended.returncode == 0, ended.stderr
    reason = line.expected[-1]
    return [status, *([reason] if len(line.expected) > 1 and f'"{reason}"' in body.replace("/docs#", "") else [])]


@pytest.mark.timeout(900)  # the first start after a change compiles the kernels
def test_the_demo_ends_well_continues_and_its_curl_lines_work(home: Path) -> None:
    installation = Installation(home, {"holds_per_account": "50"})
    try:
        first = demo(installation, "--for", "5s")
        assert "penstock verify" in first
        known = (home / "demo.json").read_bytes()
        second = demo(installation, "--for", "2s")
        assert (home / "demo.json").read_bytes() == known  # the same people
        assert "customer_unknown" in second  # printed for curl
        installation.start()
        lines = curl_lines(home)
        assert len(lines) > 30
        wrong = [(line.title, found) for line in lines if (found := run_curl(line)) != line.expected]
        assert not wrong
        assert installation.run("verify").returncode == 0
    finally:
        installation.remove()


@pytest.mark.timeout(600)
def test_ctrl_c_ends_the_demo_with_a_summary(home: Path) -> None:
    installation = Installation(home, {"holds_per_account": "50"})
    output = home / "demo.out"
    try:
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "penstock", *ARGUMENTS], env=installation.environment, stdout=file, stderr=file, start_new_session=True
            )
        installation_ready = time.monotonic() + 500
        while "p99" not in output.read_text("utf-8"):
            assert process.poll() is None, output.read_text("utf-8")[-2000:]
            assert time.monotonic() < installation_ready
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 0, output.read_text("utf-8")[-4000:]
        assert "Outcomes" in output.read_text("utf-8")
    finally:
        installation.remove()


def test_latencies_give_quantiles_within_a_bucket() -> None:
    latencies = Latencies()
    for ms in range(1, 1001):
        latencies.add(float(ms))
    assert latencies.quantile_ms(0.5) == pytest.approx(500, rel=0.05)
    assert latencies.quantile_ms(0.99) == pytest.approx(990, rel=0.05)
    assert Latencies().quantile_ms(0.5) == 0


def test_anything_unexpected_spoils_the_figures() -> None:
    figures = Figures()
    figures.answered("pay", "declined", "insufficient_funds", 1.0, 2.0)
    assert figures.good
    for number in range(30):
        figures.surprised(f"surprise {number}")
    assert not figures.good
    assert len(figures.surprises) == 21  # bounded
    assert figures.surprises["others"] == 10
