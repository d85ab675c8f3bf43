"""Where deliveries may go: to the endpoint that was checked, under its name, and never inside."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from review.webhooks.desk import Desk, run
from support.database import Database
from support.receiver import Answer, receiving

from penstock.kit.tls import development_certificate
from penstock.review.webhooks import network
from penstock.review.webhooks.network import ForbiddenAddress


def test_redirects_are_not_followed(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as elsewhere, receiving() as receiver:
            receiver.answer = lambda _: Answer(307, {"Location": elsewhere.url})
            made = await desk.make(receiver.url)
            await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer().deliver()
            assert (len(receiver.received), elsewhere.received) == (1, [])
            assert "redirects are not followed" in (await desk.deliveries(made["webhook"]))[0]["last_error"]

    run(database, home, work)


def test_a_name_that_leads_inside_gets_nothing(database: Database, home: Path) -> None:
    """The endpoint was made while private addresses were allowed; now the name's addresses are refused at each delivery."""

    async def work(desk: Desk) -> None:
        with receiving(development_certificate(home / "tls", datetime.now(UTC))) as receiver:
            made = await desk.make(receiver.url)
            await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer(webhook_private_addresses=0, webhook_ca_file=str(home / "tls" / "ca.pem")).deliver()
            assert receiver.received == []
            (shown,) = await desk.deliveries(made["webhook"])
            assert "localhost has the address" in shown["last_error"]
            assert "not public" in shown["last_error"]

    run(database, home, work)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        answers = [["8.8.8.8", "10.0.0.1"], ["2606:4700::1111", "::ffff:127.0.0.1"], ["8.8.8.8"]]

        async def names(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
            return [(0, 0, 0, "", (address, 443)) for address in answers.pop(0)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names, raising=False)
        for _ in range(2):
            with pytest.raises(ForbiddenAddress):
                await network.resolve("rebinding.example", 443, private_allowed=False)
        assert await network.resolve("rebinding.example", 443, private_allowed=False) == ["8.8.8.8"]

    asyncio.run(work())


def test_the_connection_goes_to_the_address_that_was_checked(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that gives another address the second time is never asked a second time."""

    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            made = await desk.make(receiver.url.replace("localhost", "rebinding.example"))
            loop, asked = asyncio.get_running_loop(), []
            real = loop.getaddrinfo

            async def names(host: str, *rest: object, **more: object) -> object:
                if host != "rebinding.example":
                    return await real(host, *rest, **more)  # type: ignore[arg-type]
                asked.append(host)
                return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "203.0.113.1", 443))]

            monkeypatch.setattr(loop, "getaddrinfo", names, raising=False)
            await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer().deliver()
            assert len(asked) == 1
            assert receiver.received[0].headers["host"].startswith("rebinding.example:")

    run(database, home, work)


def test_https_is_checked_against_the_name(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        certificate = development_certificate(home / "tls", datetime.now(UTC))
        with receiving(certificate) as receiver:
            made = await desk.make(receiver.url)
            await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer().deliver()
            assert receiver.received == []
            assert "CERTIFICATE_VERIFY_FAILED" in (await desk.deliveries(made["webhook"]))[0]["last_error"]
            desk.pass_time(10)
            await desk.deliverer(webhook_ca_file=str(certificate.ca)).deliver()
            assert len(receiver.received) == 1
            assert receiver.received[0].is_signed_by(made["secret"])

    run(database, home, work)
