"""By what the people of the town pay: each has a phone, a network at home, a card and shops, and keeps to them mostly."""

from __future__ import annotations

import random
import zlib
from typing import Any, Final

from penstock.app.demo.people import Person

#: How often somebody is away from home, has borrowed a phone, or uses another way than usual.
_AWAY, _OTHER_PHONE, _OTHER_WAY = 0.15, 0.03, 0.1
_CHANNELS: Final = ("app", "app", "app", "web", "qr", "pos")
_CATEGORIES: Final = ("groceries", "restaurants", "transport", "electronics", "travel", "games")
_FACTORS: Final = (["pin", "device"], ["fingerprint", "device"], ["password"], ["password", "sms"])
#: Where the town lies, and how far its people live apart, in degrees.
_TOWN: Final = (31.2304, 121.4737)
_WIDE: Final = 0.1
_TOWER: Final = "198.18.255"  # addresses for tests, RFC 2544


def origin(payer: Person, payee: Person, kind: str, chance: random.Random) -> dict[str, Any]:
    """What comes with a payment of ``kind``; the same payer mostly says the same."""
    usual = random.Random(_number(payer))  # noqa: S311 - a habit, not a secret
    phone, home, channel = usual.randrange(10**9), usual.randrange(2**14), usual.choice(_CHANNELS)
    factors, at_home = usual.choice(_FACTORS), [middle + usual.uniform(-_WIDE, _WIDE) for middle in _TOWN]
    if chance.random() < _OTHER_PHONE:
        phone = chance.randrange(10**9)
    away = chance.random() < _AWAY
    network = f"{_TOWER}.{chance.randrange(16)}" if away else f"198.18.{home // 256}.{home % 256}"
    here = [degree + chance.uniform(-_WIDE, _WIDE) if away else degree for degree in at_home]
    said: dict[str, Any] = {
        "device": f"phone-{phone:09d}",
        "network": network,
        "location": {"latitude": round(here[0], 4), "longitude": round(here[1], 4)},
        "channel": chance.choice(_CHANNELS) if chance.random() < _OTHER_WAY else channel,
        "factors": factors,
    }
    if kind == "purchase":
        said |= {
            "instrument": f"card-{usual.randrange(10**9):09d}",
            "place": f"till-{_number(payee) % 10**6:06d}",
            "category": _CATEGORIES[_number(payee) % len(_CATEGORIES)],
        }
    return said


def _number(person: Person) -> int:
    """A number that stays a person's own, also in the next demonstration."""
    return zlib.crc32(person.account.encode())
