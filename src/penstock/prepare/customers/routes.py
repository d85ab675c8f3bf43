"""Reading route of customers: translate only. Customers are opened by a command like any other."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from penstock.contracts import ids as public
from penstock.contracts.commands import Query
from penstock.contracts.lane_port import customer_answer
from penstock.contracts.principal import Principal, Scope
from penstock.contracts.reading import Reading
from penstock.kit.http.problem import not_found
from penstock.office.approvals.actions import pending_views
from penstock.office.approvals.views import RequestView
from penstock.prepare.customers.rules import limit_views, own_views
from penstock.prepare.customers.views import CustomerView


@get("/v1/customers/{customer:str}", summary="Read a customer", tags=["prepare"])
async def read_customer(
    customer: FromPath[str],
    principal: NamedDependency[SkipValidation[Principal]],
    reading: NamedDependency[SkipValidation[Reading]],
) -> CustomerView:
    """The customer's tier, the limits in force, and what is used of them today, this month and this year."""
    principal.require(Scope.READ, Scope.OPERATE)
    index = reading.decode(public.Kind.CUSTOMER, "customer", customer)
    payload, as_of_seq = await reading.ask(Query.CUSTOMER, principal, index)
    if payload is None:
        raise not_found("customer")
    found = customer_answer(payload)
    policy = reading.policy()
    tier = policy.tiers[found.tier]
    own = own_views(found.own_limits, reading.time_us())
    limits = limit_views(policy, tier, found.purses, own)
    pending: list[RequestView] = []
    if principal.works_here:
        async with reading.journal() as connection:
            pending = await pending_views(connection, "customer", customer, reading.ids)
    name = reading.ids.encode(public.Kind.CUSTOMER, index)
    return CustomerView(name, tier, found.accounts, found.opened_seq, limits, own, pending, as_of_seq)
