"""Endpoints over HTTP: whose they are, what is refused, and what becomes of their secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from review.webhooks.desk import Desk, run
from support.database import Database

URL = "https://8.8.8.8/hooks"


def test_an_endpoint_is_made_changed_and_deleted_by_its_client_alone(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.make(URL, types=["payment.*", "account.frozen"], description="till")
        assert re.fullmatch(r"whk_[0-9a-z]{13}", made["webhook"])
        assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
        shown = await desk.look(made["webhook"])
        assert shown == {name: value for name, value in made.items() if name != "secret"}
        assert (shown["state"], shown["waiting"], shown["failures"]) == ("enabled", 0, 0)
        path = f"/v1/webhooks/{made['webhook']}"
        for method, further, body in (
            ("GET", "", None), ("PATCH", "", {"state": "disabled"}), ("DELETE", "", None), ("POST", "/rotate-secret", {}),
            ("POST", "/test", None), ("GET", "/deliveries", None),
        ):  # fmt: skip
            assert (await desk.ask(method, path + further, body, "other")).status_code == 404
            assert (await desk.ask(method, path + further, body, "reader")).status_code == 403
        assert (await desk.ask("GET", path, caller="ops")).status_code == 200
        assert (await desk.ask("PATCH", path, {"state": "disabled"}, "ops")).status_code == 403
        changed = (await desk.ask("PATCH", path, {"state": "disabled", "types": []})).json()
        assert (changed["state"], changed["disabled_why"], changed["types"], changed["description"]) == ("disabled", "paused", [], "till")
        assert (await desk.ask("PATCH", path, {"state": "enabled"})).json()["state"] == "enabled"
        assert (await desk.ask("DELETE", path)).status_code == 204
        assert (await desk.ask("GET", path)).status_code == 404

    run(database, home, work, webhook_private_addresses=0)


def test_lists_have_pages_and_operators_see_all(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        names = [(await desk.make(URL))["webhook"] for _ in range(3)]
        theirs = (await desk.make(URL, "other"))["webhook"]
        first = (await desk.ask("GET", "/v1/webhooks?limit=2")).json()
        second = (await desk.ask("GET", f"/v1/webhooks?limit=2&cursor={first['next_cursor']}")).json()
        assert [shown["webhook"] for shown in [*first["webhooks"], *second["webhooks"]]] == names
        assert second["next_cursor"] is None
        everybody = (await desk.ask("GET", "/v1/webhooks", caller="ops")).json()
        assert [shown["webhook"] for shown in everybody["webhooks"]] == [*names, theirs]
        assert (await desk.ask("GET", "/v1/webhooks?cursor=cur_0000000000000")).status_code == 422

    run(database, home, work)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://8.8.8.8/"}, "url"), ({"url": "https://10.0.0.1/"}, "url"), ({"url": "https://localhost/"}, "url"),
        ({"url": "https://2130706433/"}, "url"), ({"url": "https://0x7f.1/"}, "url"),
        ({"url": "https://u:p@8.8.8.8/"}, "url"), ({"url": URL, "types": ["payment.gone"]}, "types"), ({"types": []}, "url"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"), ({"url": 7}, "url"), ({"url": URL, "description": "x" * 501}, "description"),
    ],
)  # fmt: skip
def test_a_url_inside_or_a_malformed_wish_is_refused(database: Database, home: Path, body: dict[str, Any], field: str) -> None:
    async def work(desk: Desk) -> None:
        refused = await desk.ask("POST", "/v1/webhooks", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
        kept = await desk.make(URL)
        if "url" in body:
            refused = await desk.ask("PATCH", f"/v1/webhooks/{kept['webhook']}", body)
            assert refused.status_code == 422
        assert (await desk.look(kept["webhook"]))["url"] == URL

    run(database, home, work, webhook_private_addresses=0)


def test_a_client_has_so_many_endpoints_and_events_of_everybody_take_the_operators_right(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        for _ in range(2):
            await desk.make(URL)
        refused = await desk.ask("POST", "/v1/webhooks", {"url": URL})
        assert (refused.status_code, refused.json()["type"]) == (409, "/docs#webhooks_full")
        assert (await desk.ask("POST", "/v1/webhooks", {"url": URL, "all_clients": True}, "other")).status_code == 403
        assert (await desk.make(URL, "chief", all_clients=True))["all_clients"]

    run(database, home, work, webhooks_per_client=2)


def test_a_secret_is_shown_once_sealed_at_rest_and_out_of_the_edges_reach(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.make(URL)
        rotated = (await desk.ask("POST", f"/v1/webhooks/{made['webhook']}/rotate-secret")).json()
        assert rotated["secret"] != made["secret"]
        for path in ("/v1/webhooks", f"/v1/webhooks/{made['webhook']}", f"/v1/webhooks/{made['webhook']}/deliveries"):
            assert "whsec_" not in (await desk.ask("GET", path)).text
        with database.connect("penstock_office") as connection:
            sealed = [bytes(row[0]) for row in connection.execute("SELECT sealed FROM webhook_secret ORDER BY number")]
        assert len(sealed) == 2
        assert not any(part in text for text in sealed for part in (b"whsec_", made["secret"][10:20].encode()))
        with database.connect("penstock_edge") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT sealed FROM webhook_secret")

    run(database, home, work)


def test_no_more_than_four_secrets_sign_at_once(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        path = f"/v1/webhooks/{(await desk.make(URL))['webhook']}/rotate-secret"
        for _ in range(3):
            assert (await desk.ask("POST", path, {"overlap_s": 3600})).status_code == 200
        refused = await desk.ask("POST", path, {"overlap_s": 3600})
        assert (refused.status_code, refused.json()["type"]) == (409, "/docs#secrets_full")
        assert (await desk.ask("POST", path, {"overlap_s": -1})).status_code == 422
        assert (await desk.ask("POST", path, {"overlap_s": 0})).status_code == 200
        with database.connect("penstock_edge") as connection:
            live = connection.execute("SELECT count(*) FROM webhook_secret WHERE ends_at IS NULL OR ends_at > now()").fetchone()
        assert live == (1,)

    run(database, home, work)


def test_a_disabled_endpoint_takes_no_test_and_no_redelivery(database: Database, home: Path) -> None:
    async def work(desk: Desk) -> None:
        made = await desk.make(URL)
        path = f"/v1/webhooks/{made['webhook']}"
        delivery = (await desk.ask("POST", f"{path}/test")).json()["delivery"]
        assert delivery == f"{made['webhook']}_test_1"
        assert (await desk.ask("POST", f"{path}/deliveries/{made['webhook']}_test_2/redeliver")).status_code == 404
        assert (await desk.ask("POST", f"{path}/deliveries/nonsense/redeliver")).status_code == 404
        assert (await desk.ask("POST", f"{path}/deliveries/{delivery}/redeliver")).status_code == 202
        await desk.ask("PATCH", path, {"state": "disabled"})
        for further in ("/test", f"/deliveries/{delivery}/redeliver"):
            refused = await desk.ask("POST", path + further)
            assert (refused.status_code, refused.json()["type"]) == (409, "/docs#webhook_disabled")

    run(database, home, work)
