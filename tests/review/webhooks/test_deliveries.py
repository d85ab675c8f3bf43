"""Deliveries: signed, chosen, tried again, never lost, never in one another's way; against a real receiver."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest
from review.webhooks.desk import Desk, run, until
from support.database import Database
from support.receiver import Answer, Received, receiving
from support.without_lane import IDS

from penstock.contracts import ids as public
from penstock.contracts.commands import Kind, Option


def test_chosen_events_arrive_signed_and_once(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            made = await desk.make(receiver.url, types=["payment.*"])
            mine, theirs = desk.pay(), desk.pay("other")
            again = desk.pay()
            await desk.publish()
            await desk.publish()
            await desk.deliverer().deliver()
            assert sorted(receiver.messages) == [f"{made['webhook']}_0_{seq}" for seq in (mine, again)]
            assert theirs not in {request.event["seq"] for request in receiver.received}
            first = min(receiver.received, key=lambda request: request.event["seq"])
            assert first.is_signed_by(made["secret"])
            assert not first.is_signed_by("whsec_" + "A" * 43 + "=")
            assert first.path == "/hooks"
            assert first.headers["content-type"] == "application/json"
            read = (await desk.ask("GET", f"/v1/events?after={mine - 1}&limit=1")).json()["events"][0]
            assert first.event == {
                "type": "payment.cleared", "timestamp": read["time"], "data": read["data"], "id": read["id"], "seq": mine,
            }  # fmt: skip
            shown = await desk.deliveries(made["webhook"])
            assert [(each["state"], each["attempts"], each["last_status"]) for each in shown] == [("delivered", 1, 204)] * 2
            assert shown[-1]["event"] == IDS.encode(public.Kind.EVENT, mine)
            assert (await desk.look(made["webhook"]))["waiting"] == 0

    run(database, home, work)


def test_what_happened_before_an_endpoint_or_while_it_is_disabled_is_not_sent(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            desk.pay()
            made = await desk.make(receiver.url, types=["payment.*"])
            during = desk.pay()
            await desk.publish()
            await desk.ask("PATCH", f"/v1/webhooks/{made['webhook']}", {"state": "disabled"})
            desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            assert receiver.received == []
            await desk.ask("PATCH", f"/v1/webhooks/{made['webhook']}", {"state": "enabled"})
            await desk.deliverer().deliver()
            assert [request.event["seq"] for request in receiver.received] == [during]

    run(database, home, work)


def test_events_of_everybody_for_the_operators_endpoint(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            await desk.make(receiver.url, "chief", all_clients=True, types=["payment.*", "policy.published", "account.frozen"])
            await desk.make(receiver.url, "shop", types=["policy.published"])
            seqs = [desk.pay(), desk.pay("other")]
            seqs.append(desk.book.row(Kind.PUBLISH, policy_version=2))
            seqs.append(desk.book.row(Kind.SET_ACCOUNT, payer_account=16, option=int(Option.FREEZE_ALL)))
            await desk.publish()
            await desk.deliverer().deliver()
            assert sorted(request.event["seq"] for request in receiver.received) == seqs

    run(database, home, work)


def test_a_failure_is_tried_again_at_its_times_until_it_is_given_up(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            receiver.answer = lambda _: Answer(500)
            made = await desk.make(receiver.url)
            assert (await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")).status_code == 202
            deliverer = desk.deliverer()
            for attempt, pause_s in enumerate([0.0, 5, 20, 80, 320, 1_280, 5_120, 20_480, 43_200, 43_200], start=1):
                desk.pass_time(pause_s - 1)
                await deliverer.deliver()
                assert len(receiver.received) == attempt - 1 or pause_s == 0
                desk.pass_time(2)
                await deliverer.deliver()
                assert len(receiver.received) == attempt
                desk.pass_time(-1)
            (shown,) = await desk.deliveries(made["webhook"])
            assert (shown["state"], shown["attempts"], shown["last_status"]) == ("waiting", 10, 500)
            assert shown["last_error"] == "answered 500"
            for _ in range(4):
                desk.pass_time(43_201)
                await deliverer.deliver()
            (shown,) = await desk.deliveries(made["webhook"])
            assert shown["state"] == "given_up"
            assert "next_attempt" not in shown
            assert len(set(receiver.messages)) == 1
            stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.received]
            assert stamps == sorted(set(stamps))

    run(database, home, work, webhook_first_retry_s=5, webhook_give_up_s=259_200)


def test_retry_after_is_respected(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            receiver.answer = lambda _: Answer(429, {"Retry-After": "600"})
            await desk.make(receiver.url, types=["payment.*"])
            desk.pay()
            await desk.publish()
            deliverer = desk.deliverer()
            await deliverer.deliver()
            desk.pass_time(590)
            await deliverer.deliver()
            assert len(receiver.received) == 1
            desk.pass_time(20)
            await deliverer.deliver()
            assert len(receiver.received) == 2

    run(database, home, work)


def test_an_endpoint_that_is_gone_is_disabled(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            receiver.answer = lambda _: Answer(410)
            made = await desk.make(receiver.url, types=["payment.*"])
            desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            shown = await desk.look(made["webhook"])
            assert (shown["state"], shown["disabled_why"], shown["waiting"]) == ("disabled", "gone", 1)
            desk.pass_time(86_400)
            await desk.deliverer().deliver()
            assert len(receiver.received) == 1

    run(database, home, work)


def test_an_endpoint_that_keeps_failing_is_disabled_and_can_start_again(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            receiver.answer = lambda _: Answer(503)
            made = await desk.make(receiver.url, types=["payment.*"])
            for _ in range(3):
                desk.pay()
                await desk.publish()
                await desk.deliverer().deliver()
                desk.pass_time(50)
            failing = await desk.look(made["webhook"])
            assert failing["failures"] >= 3
            assert "failing_since" in failing
            desk.pass_time(100)
            desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            assert (await desk.look(made["webhook"]))["disabled_why"] == "failing"
            receiver.answer = lambda _: Answer(200)
            enabled = (await desk.ask("PATCH", f"/v1/webhooks/{made['webhook']}", {"state": "enabled"})).json()
            assert (enabled["state"], enabled["failures"]) == ("enabled", 0)
            last = desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            assert receiver.received[-1].event["seq"] == last or last in {each.event["seq"] for each in receiver.received}

    run(database, home, work, webhook_give_up_s=120)


def test_too_much_that_waits_disables_an_endpoint(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            receiver.answer = lambda _: Answer(503)
            made = await desk.make(receiver.url, types=["payment.*"])
            for _ in range(11):
                desk.pay()
            await desk.publish()
            await desk.deliverer().upkeep()
            shown = await desk.look(made["webhook"])
            assert (shown["disabled_why"], shown["waiting"]) == ("backlog", 0)
            assert {each["state"] for each in await desk.deliveries(made["webhook"])} == {"given_up"}

    run(database, home, work, webhook_backlog=10)


def test_a_dead_endpoint_holds_up_no_other(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        release = threading.Event()

        def hang(_: Received) -> Answer:
            release.wait(30)
            return Answer(204)

        with receiving() as dead, receiving() as well:
            dead.answer = hang
            await desk.make(dead.url, types=["payment.*"])
            await desk.make(well.url, types=["payment.*"])
            seqs = [desk.pay() for _ in range(40)]
            await desk.publish()
            work_on = asyncio.create_task(desk.deliverer(webhook_concurrency=8, webhook_share=4).deliver())
            await until(lambda: len(well.received) == len(seqs), 20)
            assert len(dead.received) <= 4
            assert not work_on.done()
            work_on.cancel()
            release.set()
            with pytest.raises(asyncio.CancelledError):
                await work_on

    run(database, home, work, webhook_timeout_s=30)


def test_an_answer_that_does_not_come_or_does_not_end_is_cut_off(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        release = threading.Event()
        with receiving() as slow, receiving() as long:
            slow.answer = lambda _: Answer(204 if release.wait(10) else 500)
            long.answer = lambda _: Answer(200, {}, b"x" * 10_000_000)
            first, second = await desk.make(slow.url), await desk.make(long.url)
            for made in (first, second):
                await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer().deliver()
            release.set()
            assert (await desk.deliveries(first["webhook"]))[0]["last_error"] == "no answer within 0.5 s"
            assert (await desk.deliveries(second["webhook"]))[0]["state"] == "delivered"

    run(database, home, work, webhook_timeout_s=0.5)


def test_while_a_secret_is_rotated_both_sign_and_then_the_new_one_alone(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            made = await desk.make(receiver.url)
            path = f"/v1/webhooks/{made['webhook']}"
            rotated = (await desk.ask("POST", f"{path}/rotate-secret", {"overlap_s": 3600})).json()
            await desk.ask("POST", f"{path}/test")
            await desk.deliverer().deliver()
            both = receiver.received[-1]
            assert both.is_signed_by(made["secret"])
            assert both.is_signed_by(rotated["secret"])
            assert both.event["type"] == "webhook.test"
            with database.connect("penstock_edge") as connection:  # an hour later, as the database sees it
                connection.execute("UPDATE webhook_secret SET ends_at = now() - interval '1 second' WHERE ends_at IS NOT NULL")
            await desk.ask("POST", f"{path}/test")
            await desk.deliverer().deliver()
            await desk.deliverer().upkeep()
            alone = receiver.received[-1]
            assert alone.message == f"{made['webhook']}_test_2"
            assert alone.is_signed_by(rotated["secret"])
            assert not alone.is_signed_by(made["secret"])
            with database.connect("penstock_office") as connection:
                assert connection.execute("SELECT count(*) FROM webhook_secret").fetchone() == (1,)

    run(database, home, work)


def test_a_delivery_is_sent_again_by_hand_under_its_id(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            made = await desk.make(receiver.url, types=["payment.*"])
            desk.pay()
            await desk.publish()
            await desk.deliverer().deliver()
            (shown,) = await desk.deliveries(made["webhook"], "?status=delivered")
            again = await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/deliveries/{shown['delivery']}/redeliver")
            assert (again.status_code, again.json()["state"]) == (202, "waiting")
            desk.pass_time(1)
            await desk.deliverer().deliver()
            assert receiver.messages == [shown["delivery"]] * 2
            assert receiver.received[0].body == receiver.received[1].body

    run(database, home, work)


def test_lists_of_deliveries_have_pages_and_old_ones_are_forgotten(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            made = await desk.make(receiver.url, types=["payment.*"])
            seqs = [desk.pay() for _ in range(5)]
            await desk.publish()
            path, seen = f"/v1/webhooks/{made['webhook']}/deliveries?limit=2", []
            page = (await desk.ask("GET", path)).json()
            while page["deliveries"]:
                seen += [each["seq"] for each in page["deliveries"]]
                if page["next_cursor"] is None:
                    break
                page = (await desk.ask("GET", f"{path}&cursor={page['next_cursor']}")).json()
            assert seen == seqs[::-1]
            assert (await desk.ask("GET", f"{path}&cursor=x")).status_code == 422
            desk.pass_time(31 * 86_400)
            await desk.deliverer().upkeep()
            assert await desk.deliveries(made["webhook"]) == []

    run(database, home, work)


def test_secrets_that_do_not_open_stop_their_own_endpoint_only(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        with receiving() as receiver:
            broken, good = await desk.make(receiver.url), await desk.make(receiver.url)
            with database.connect("penstock_keeper") as connection:
                connection.execute("UPDATE webhook_secret SET sealed = sealed || '\\x00' WHERE webhook = 1")
            for made in (broken, good):
                await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/test")
            await desk.deliverer().deliver()
            assert receiver.messages == [f"{good['webhook']}_test_1"]
            assert "rotate the secret" in (await desk.deliveries(broken["webhook"]))[0]["last_error"]

    run(database, home, work)


_SENDER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from support.without_lane import IDS, settings_of
from penstock.app.office.database import OfficeDatabase
from penstock.kit.seal import Sealer
from penstock.kit.secrets import SecretFolder
from penstock.review.webhooks.deliverer import Deliverer

async def main(dsn, home):
    database = OfficeDatabase(dsn, "test-sender")
    await database.open()
    key = SecretFolder(home / "secrets", may_make=False).webhook_key()
    settings = settings_of(home, webhook_private_addresses=1)
    await Deliverer(settings, IDS, Sealer(key), database.connection, lambda: datetime.now(UTC), lambda: 0.5).deliver()

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


def test_what_a_killed_process_was_sending_is_sent_again_under_the_same_id(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        release = threading.Event()

        def hang(_: Received) -> Answer:
            release.wait(30)
            return Answer(204)

        with receiving() as receiver:
            receiver.answer = hang
            made = await desk.make(receiver.url, types=["payment.*"])
            seqs = [desk.pay() for _ in range(3)]
            await desk.publish()
            paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
            arguments = [sys.executable, "-c", _SENDER, database.dsn("penstock_office"), str(home)]
            process = await asyncio.create_subprocess_exec(*arguments, env={**os.environ, "PYTHONPATH": paths})
            try:
                await until(lambda: len(receiver.received) == len(seqs), 60)
            finally:
                process.kill()
                await process.wait()
            release.set()
            receiver.received.clear()
            await desk.deliverer().deliver()
            assert receiver.received == []  # still claimed
            desk.pass_time(desk.settings.webhook_timeout_s + 11)
            await desk.deliverer().deliver()
            assert sorted(receiver.messages) == [f"{made['webhook']}_0_{seq}" for seq in seqs]
            shown = await desk.deliveries(made["webhook"])
            assert [(each["state"], each["attempts"]) for each in shown] == [("delivered", 2)] * 3

    run(database, home, work)
