# ruff: noqa: INP001, T201 - a script for a terminal, no part of the package
r"""A first payment against a running Penstock: open two customers, put money in, pay, read, be refused.

    penstock serve                                    # in another terminal; or `penstock demo`
    penstock key create --client me --owner "My Name" \
        --scope customers:write --scope ledger:write --scope payments:write --scope read
    PENSTOCK_KEY=psk_… python examples/first_payment.py

Needs httpx only. The address and the CA file come from PENSTOCK_URL and PENSTOCK_CA.
"""

import os
import ssl
import time
import uuid

import httpx

URL = os.environ.get("PENSTOCK_URL", "https://localhost:8443")
CA_FILE = os.environ.get("PENSTOCK_CA", "var/tls/ca.pem")


def new_id() -> str:
    """Make a UUIDv7: 48 bits of time in ms, then random bits. Keep it, and repeat a request that got no answer with the same id."""
    value = time.time_ns() // 1_000_000 << 80 | 7 << 76 | int.from_bytes(os.urandom(10), "big") & (2**76 - 1)
    return str(uuid.UUID(int=value & ~(3 << 62) | 2 << 62))


def main() -> None:
    """Tell the story."""
    headers = {"Authorization": f"Bearer {os.environ['PENSTOCK_KEY']}"}
    context = ssl.create_default_context(cafile=CA_FILE)
    with httpx.Client(base_url=URL, headers=headers, verify=context, trust_env=False) as api:

        def send(path: str, **body: object) -> dict[str, object]:
            outcome: dict[str, object] = api.post(path, json={"id": new_id(), **body}).json()
            print(f"{path:<45} {outcome.get('state', 'refused'):<9} {outcome.get('reason', outcome.get('title'))}")
            return outcome

        customers = [send("/v1/customers", tier="basic")["customer"] for _ in range(2)]
        anna, ben = (send("/v1/accounts", customer=customer, currency="CNY")["account"] for customer in customers)
        send("/v1/deposits", account=anna, amount_minor=50_000, currency="CNY")
        payment = {"payer": anna, "payee": ben, "currency": "CNY", "type": "transfer"}
        send("/v1/payments", **payment, amount_minor=12_00, reference="lunch")
        held = send("/v1/payments", **payment, amount_minor=100_00, hold_only=True)["payment"]
        send(f"/v1/payments/{held}/clear", amount_minor=60_00, release_rest=True)
        refused = send("/v1/payments", **payment, amount_minor=4_999_00)
        print(refused["message"]["en"], refused["next_step"]["en"])  # type: ignore[index]
        for account in (anna, ben):
            print(api.get(f"/v1/accounts/{account}").json())


if __name__ == "__main__":
    main()
