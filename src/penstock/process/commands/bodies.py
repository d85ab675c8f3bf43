"""The bodies of commands as callers write them. Unknown fields are refused, amounts bounded while decoding.

The ``…Item`` classes are the same bodies inside a batch, where ``command`` says which one it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from penstock.contracts.bank import Party
from penstock.contracts.money import MAX_AMOUNT_MINOR

SECONDS_OF_A_YEAR = 366 * 86_400

CommandId = Annotated[
    str,
    Meta(
        description="A UUIDv7 made by the caller; the same id with the same content gives the same outcome.",
        extra_json_schema={"format": "uuid"},
        examples=["019b76da-a800-7000-8000-000000000001"],
    ),
]
AccountId = Annotated[str, Meta(description="An account's id, `acc_` and 13 characters.", max_length=64)]
CustomerId = Annotated[str, Meta(description="A customer's id, `cus_` and 13 characters.", max_length=64)]
PaymentId = Annotated[str, Meta(description="A payment's id, `pay_` and 13 characters.", max_length=64)]
AmountMinor = Annotated[
    int, Meta(ge=1, le=MAX_AMOUNT_MINOR, description="An amount in minor units (fen, cents), never a fraction.")
]
CurrencyCode = Literal["CNY", "USD", "EUR", "HKD", "JPY"]
PaymentTypeName = Literal["transfer", "purchase", "bill"]
Arrival = Literal["instant", "ordinary", "next_day"]
Reference = Annotated[str, Meta(max_length=140, description="The caller's own words for the payment.")]
Metadata = Annotated[dict[str, str], Meta(description="Names and texts that the journal keeps beside the payment.")]
Channel = Literal["app", "web", "pos", "qr", "atm", "phone", "branch", "api"]
FactorName = Literal["password", "pin", "sms", "totp", "device", "passkey", "fingerprint", "face", "certificate"]
#: Texts of which the edge makes marks (contracts/marks.py); they go no further.
_MARKED = "The same text is the same thing, whoever sends it. Only a keyed hash of it is kept."
Mark = Annotated[str, Meta(min_length=1, max_length=200, description=_MARKED)]
Network = Annotated[
    str,
    Meta(
        min_length=1, max_length=200, examples=["198.51.100.7"],
        description=f"The payer's IP address (of IPv6 the first 64 bits count), or another name of a network. {_MARKED}",
    ),
]  # fmt: skip
Extra = Annotated[float, Meta(description="Any number that the caller's own systems know; null = not known this time.")]
Lifetime = Annotated[
    int, Meta(ge=1, le=SECONDS_OF_A_YEAR, description="Seconds until a hold runs out; absent = the policy's.")
]


class Body(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    """What every command has. Bodies hold texts and numbers, so the garbage collector need not visit them."""

    id: CommandId


class OpenCustomer(Body, frozen=True, kw_only=True):
    """Open a customer of one of the policy's tiers."""

    tier: Annotated[str, Meta(max_length=100, description="A tier that the policy names.", examples=["basic"])]


class OpenAccount(Body, frozen=True, kw_only=True):
    """Open an account of a customer."""

    customer: CustomerId
    currency: CurrencyCode


class WithText(Body, frozen=True, kw_only=True):
    """A command that may carry free text."""

    reference: Reference | None = None
    metadata: Metadata | None = None


class Deposit(WithText, frozen=True, kw_only=True):
    """Money arrives on an account from outside."""

    account: AccountId
    amount_minor: AmountMinor
    currency: CurrencyCode


class Withdraw(WithText, frozen=True, kw_only=True):
    """Money leaves an account to the outside; with `to` by bank transfer, and then the bank's answer ends it."""

    account: AccountId
    amount_minor: AmountMinor
    currency: CurrencyCode
    to: Party | None = None


class Location(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Where the payer is, in degrees (WGS 84)."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class WithOrigin(WithText, frozen=True, kw_only=True):
    """A payment may say by what it came: the more it says, the better it can be judged."""

    instrument: Annotated[Mark | None, Meta(description="A card, token or agreement by which is paid.")] = None
    device: Annotated[Mark | None, Meta(description="The payer's device.")] = None
    network: Network | None = None
    place: Annotated[Mark | None, Meta(description="A shop or terminal.")] = None
    category: Annotated[Mark | None, Meta(description="What is bought, such as a merchant category code.")] = None
    location: Location | None = None
    channel: Annotated[Channel | None, Meta(description="By which way the payment was asked for.")] = None
    extras: Annotated[list[Extra | None], Meta(min_length=1, max_length=4)] | None = None
    factors: (
        Annotated[
            list[FactorName],
            Meta(max_length=9, description="By which factors you have verified the payer for this payment."),
        ]
        | None
    ) = None


class Pay(WithOrigin, frozen=True, kw_only=True):
    """Pay from one account to another: at once, at a later arrival, or by a hold that is cleared later."""

    payer: AccountId
    payee: AccountId
    amount_minor: AmountMinor
    currency: CurrencyCode
    type: PaymentTypeName
    arrival: Annotated[
        Arrival, Meta(description="When the payee has the money; until then the payer may cancel. Not with `hold_only`.")
    ] = "instant"
    hold_only: bool = False
    hold_lifetime_s: Lifetime | None = None


class Clear(Body, frozen=True, kw_only=True):
    """Let held money reach the payee: all of it, or a part."""

    amount_minor: AmountMinor | None = None
    release_rest: bool = False


class Release(Body, frozen=True, kw_only=True):
    """Give held money back to the payer: all of it, or a part."""

    amount_minor: AmountMinor | None = None


class Cancel(Body, frozen=True, kw_only=True):
    """End a held payment on the payer's wish; what is still held goes back."""


class GiveBack(WithText, frozen=True, kw_only=True):
    """A command that gives back what was cleared; `amount_minor` absent = all that is left."""

    amount_minor: AmountMinor | None = None


class Refund(GiveBack, frozen=True, kw_only=True):
    """The payee gives back all that is left of a cleared payment, or a part; a deposit goes back through the bank."""


class Return(GiveBack, frozen=True, kw_only=True):
    """The payee's side sends back what it could not use, all that is left or a part."""


class Chargeback(GiveBack, frozen=True, kw_only=True):
    """A dispute that the payer won: the payee pays back, and the fee of a chargeback, whatever freezes it has."""

    from_suspense: Annotated[bool, Meta(description="The operator pays, out of suspense, without a fee.")] = False


class Label(WithText, frozen=True, kw_only=True):
    """Say what has become known of a payment; the next payments are judged by it. `none` revokes what was said before."""

    label: Annotated[
        Literal["fraud", "genuine", "none"],
        Meta(description="`fraud`: the payer did not want it; `genuine`: it was wanted; `none`: nothing is known any more."),
    ]


class OpenCustomerItem(OpenCustomer, tag_field="command", tag="open_customer", frozen=True, kw_only=True):
    """``open_customer`` in a batch."""


class OpenAccountItem(OpenAccount, tag_field="command", tag="open_account", frozen=True, kw_only=True):
    """``open_account`` in a batch."""


class DepositItem(Deposit, tag_field="command", tag="deposit", frozen=True, kw_only=True):
    """``deposit`` in a batch."""


class WithdrawItem(Withdraw, tag_field="command", tag="withdraw", frozen=True, kw_only=True):
    """``withdraw`` in a batch."""


class PayItem(Pay, tag_field="command", tag="pay", frozen=True, kw_only=True):
    """``pay`` in a batch."""


class ClearItem(Clear, tag_field="command", tag="clear", frozen=True, kw_only=True):
    """``clear`` in a batch."""

    payment: PaymentId


class ReleaseItem(Release, tag_field="command", tag="release", frozen=True, kw_only=True):
    """``release`` in a batch."""

    payment: PaymentId


class CancelItem(Cancel, tag_field="command", tag="cancel", frozen=True, kw_only=True):
    """``cancel`` in a batch."""

    payment: PaymentId


class RefundItem(Refund, tag_field="command", tag="refund", frozen=True, kw_only=True):
    """``refund`` in a batch."""

    payment: PaymentId


class ReturnItem(Return, tag_field="command", tag="return", frozen=True, kw_only=True):
    """``return`` in a batch."""

    payment: PaymentId


class ChargebackItem(Chargeback, tag_field="command", tag="chargeback", frozen=True, kw_only=True):
    """``chargeback`` in a batch."""

    payment: PaymentId


class LabelItem(Label, tag_field="command", tag="label", frozen=True, kw_only=True):
    """``label`` in a batch."""

    payment: PaymentId


Item = (
    OpenCustomerItem | OpenAccountItem | DepositItem | WithdrawItem | PayItem | ClearItem | ReleaseItem | CancelItem
    | RefundItem | ReturnItem | ChargebackItem | LabelItem
)  # fmt: skip
