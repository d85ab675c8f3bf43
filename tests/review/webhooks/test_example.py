"""examples/webhook_receiver.py takes what is genuine, drops repetitions, and refuses everything else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from review.webhooks.desk import Desk, run
from support.database import Database

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "webhook_receiver.py"


@contextmanager
def example(secret: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The example as a process, and its URL."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE), "--port", "0"], env={**os.environ, "WEBHOOK_SECRET": secret}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = re.fullmatch(r"listening on port (\d+)\n", process.stdout.readline())
        assert port is not None
        yield process, f"http://localhost:{port[1]}/"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_example_receives(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.make("http://localhost:1/", types=["payment.*"])
        path = f"/v1/webhooks/{made['webhook']}"
        with example(f"whsec_b2xk {made['secret']}") as (process, url):
            await desk.ask("PATCH", path, {"url": url})
            desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            (shown,) = await desk.deliveries(made["webhook"])
            assert shown["last_status"] == 204, shown
            await desk.ask("POST", f"{path}/deliveries/{shown['delivery']}/redeliver")
            await desk.ask("POST", f"{path}/test")
            desk.pass_time(1)
            await desk.deliverer().deliver()
            assert [each["state"] for each in await desk.deliveries(made["webhook"])] == ["delivered", "delivered"]
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            assert [line.split()[1] for line in lines] == ["payment.cleared", "webhook.test"]
            forged = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
            async with httpx.AsyncClient() as stranger:
                assert (await stranger.post(url, content=b"{}", headers=forged)).status_code == 401
                assert (await stranger.post(url, content=b"{}")).status_code == 401

    run(database, home, work)
