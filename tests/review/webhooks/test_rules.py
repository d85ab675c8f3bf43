"""Where webhooks may go, when they are tried again, how they are signed: by rules alone."""

from __future__ import annotations

import ipaddress
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks import Webhook

from penstock.review.webhooks import rules
from penstock.review.webhooks.rules import BadUrl, Target, check_url

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
START = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_signature_is_that_of_the_specification() -> None:
    # the example of the reference libraries: secret, id, time and body with their signature
    sent = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = rules.sign([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", sent, '{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip


def test_every_secret_signs_whatever_the_zone_of_the_clock() -> None:
    secrets = [rules.make_secret(bytes([number]) * 32) for number in (1, 2)]
    now = datetime.now(UTC)
    headers = rules.sign(secrets, "a_1", now.astimezone(), "{}")
    assert headers == rules.sign(secrets, "a_1", now, "{}")
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in secrets:
        assert Webhook(secret).verify("{}", headers) == {}


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com/hooks?a=1", "example.com", 443), ("https://example.com:8443", "example.com", 8443),
        ("https://8.8.8.8/", "8.8.8.8", 443), ("https://[2606:4700::1111]/x", "2606:4700::1111", 443),
    ],
)  # fmt: skip
def test_public_https_urls_are_good(url: str, host: str, port: int) -> None:
    assert check_url(url, private_allowed=False) == Target(host, port)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "//example.com/", "example.com", "https://", "https:///x",
        "https://user@example.com/", "https://user:word@example.com/", "https://example.com/#x", "https://example.com:0/",
        "https://example.com:99999/", "https://example.com/a b", "https://exämple.com/", "https://example.com/\r\nx: y",
        "https://example.com\\@127.0.0.1/", "https://[::1/", f"https://example.com/{'x' * 2000}",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1%25eth0]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        check_url(url, private_allowed=False)


def test_http_and_private_addresses_only_where_they_are_allowed() -> None:
    assert check_url("http://127.0.0.1:9000/hooks", private_allowed=True) == Target("127.0.0.1", 9000)
    assert check_url("http://localhost/hooks", private_allowed=True) == Target("localhost", 80)
    with pytest.raises(BadUrl):
        check_url("file:///etc/passwd", private_allowed=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
        "0.0.0.0", "255.255.255.255", "224.0.0.1", "240.0.0.1", "192.0.0.192", "198.18.0.1", "168.63.129.16", "192.0.2.1",
        "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_inside(address: str) -> None:
    assert not rules.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"])
def test_addresses_outside(address: str) -> None:
    assert rules.is_public(ipaddress.ip_address(address))


def test_the_schedule_of_retries_by_its_times() -> None:
    pauses = [rules.retry_pause_s(attempt, 5, 43_200, 0.5) for attempt in range(1, 14)]
    assert pauses[:7] == [5, 20, 80, 320, 1_280, 5_120, 20_480]
    assert set(pauses[7:]) == {43_200}
    times = [0.0, *itertools.accumulate(pauses)]
    tried = [start for start in times if start == 0 or not rules.given_up(START, START + timedelta(seconds=start), 259_200)]
    assert len(tried) == 13
    assert 2.8 * 86_400 < tried[-1] <= 3 * 86_400


@given(some.integers(1, 10_000), some.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_far_from_its_plan(attempts: int, random: float) -> None:
    plan = min(5.0 * 4.0 ** min(attempts - 1, 20), 43_200)
    assert 0.8 * plan <= rules.retry_pause_s(attempts, 5, 43_200, random) < 1.2 * plan + 1e-6


def test_an_endpoint_rests_longer_the_longer_it_fails() -> None:
    assert [rules.rest_s(failures) for failures in (0, 4, 5, 6, 10, 11, 12, 1_000_000)] == [0, 0, 5, 10, 160, 300, 300, 300]


def test_endpoints_take_turns() -> None:
    assert rules.shares(10, [(1, 0), (2, 0)], {}, 8) == {1: 5, 2: 5}
    assert rules.shares(100, [(1, 0), (2, 3), (3, 9)], {}, 8) == {1: 8, 2: 1, 3: 1}
    assert rules.shares(100, [(1, 0), (2, 9)], {1: 7, 2: 1}, 8) == {1: 1}
    assert rules.shares(1, rules.in_turn([(1, 0), (2, 0), (3, 0)], last=1), {}, 8) == {2: 1}
    assert rules.in_turn([(1, 0), (2, 0), (3, 0)], last=3) == [(1, 0), (2, 0), (3, 0)]


@given(
    some.integers(0, 50), some.lists(some.integers(0, 12), max_size=20), some.dictionaries(some.integers(0, 19), some.integers(0, 9)),
    some.integers(1, 9),
)  # fmt: skip
def test_no_share_is_above_what_is_free_or_allowed(free: int, failures: list[int], flying: dict[int, int], share: int) -> None:
    given_out = rules.shares(free, list(enumerate(failures)), flying, share)
    assert sum(given_out.values()) <= free
    for webhook, count in given_out.items():
        assert 0 < count <= max(1, share >> failures[webhook]) - flying.get(webhook, 0)


def test_ids_of_deliveries_can_be_read_back() -> None:
    name = "whk_0123456789abc"
    assert rules.message_id(name, 3, 4711) == "whk_0123456789abc_3_4711"
    assert rules.read_message_id(name, rules.message_id(name, 3, 4711)) == (3, 4711)
    assert rules.read_message_id(name, rules.message_id(name, 0, -12)) == (0, -12)
    for wrong in ("", name, f"{name}_3", f"{name}_3_0", f"{name}_3_-1", "whk_x_3_4711", f"{name}_test_0", f"{name}_3_4711 "):
        assert rules.read_message_id(name, wrong) is None
    assert "." not in rules.message_id(name, 3, 4711)


def test_retry_after_counts_in_seconds_only() -> None:
    given_texts = ("120", None, "", "-5", "Wed, 21 Oct 2026 07:28:00 GMT", "1e9", "9" * 12)
    assert [rules.retry_after_s(text) for text in given_texts] == [120.0, 0, 0, 0, 0, 0, 0]
