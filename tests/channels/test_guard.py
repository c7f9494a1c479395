"""What channels may connect to: decided on the address itself, whatever led to it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.channels.answers import BLOCKED
from bridge.channels.guard import is_allowed, may_connect, normal_hosts
from bridge.core.outcomes import Delivered, Reason, Rejected, Retry
from tests.support.channels import DELIVERY, mail, message, opened, webhook
from tests.support.http_server import HttpServer
from tests.support.smtp_server import SmtpServer


class Names(AbstractResolver):
    """Names with the addresses a test gives them; several answers are given one after the other."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self.answers = {name.replace("_", "."): list(addresses) for name, addresses in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        addresses = self.answers[host].pop(0) if len(self.answers[host]) > 1 else self.answers[host][0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in addresses.split()
        ]

    async def close(self) -> None:
        """Nothing to close."""


LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.0.2",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::]",
    "①②⑦.0.0.1",
    "127。0。0。1",
]


@pytest.mark.parametrize("host", LOOPBACK)
async def test_no_spelling_of_loopback_gets_through(host: str) -> None:
    """Twenty-three ways to write this machine: refused when loaded, or before anything is connected."""
    async with HttpServer() as server:
        try:
            async with opened(
                "webhook", webhook(f"http://{host}:{server.port}", allow_private=False)
            ) as channel:
                found = await channel.send(channel.encode(message(), {}), DELIVERY)
        except ValidationError:
            return
    assert isinstance(found, Rejected | Retry)
    assert server.calls == []
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "①②⑦.0.0.1", "[::ffff:127.0.0.1]"])
async def test_the_spellings_do_lead_here(host: str) -> None:
    """With leave they arrive, so that the test above shows the guard at work."""
    async with HttpServer() as server, opened("webhook", webhook(f"http://{host}:{server.port}")) as channel:
        assert isinstance(await channel.send(channel.encode(message(), {}), DELIVERY), Delivered)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.0.0.2", "[::ffff:127.0.0.1]"])
async def test_the_refusal_is_final_and_says_what_to_do(host: str) -> None:
    """An operator who means it is told of `allow_private`."""
    async with opened("webhook", webhook(f"http://{host}:1", allow_private=False)) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert found == Rejected(Reason.BLOCKED, answer=BLOCKED)
    assert "allow_private: true" in BLOCKED


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.8", "127.0.0.1 ::1", "169.254.169.254", "fd00::1 10.1.2.3"]
)
async def test_a_name_with_a_private_address_is_refused(address: str) -> None:
    """Also when it has several; the name itself looks public."""
    names = Names(crm_example=[address])
    async with (
        HttpServer() as server,
        opened(
            "webhook", webhook(f"http://crm.example:{server.port}", allow_private=False), resolver=names
        ) as channel,
    ):
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert found == Rejected(Reason.BLOCKED, answer=BLOCKED)
    assert server.calls == []


async def test_a_name_that_changes_its_address_is_refused() -> None:
    """DNS rebinding: each connection is judged by the address it goes to, not by an earlier one."""
    names = Names(crm_example=["192.0.2.1", "127.0.0.1"])
    async with (
        HttpServer() as server,
        opened(
            "webhook", webhook(f"http://crm.example:{server.port}", allow_private=False), resolver=names
        ) as channel,
    ):
        payload = channel.encode(message(), {})
        outcomes = [await channel.send(payload, DELIVERY) for _ in range(2)]
    assert all(isinstance(found, Rejected) for found in outcomes)
    assert server.calls == []


async def test_a_name_without_address_is_tried_again() -> None:
    """DNS fails for a while, too."""
    async with opened("webhook", webhook("http://nowhere.example"), resolver=Names()) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert isinstance(found, Retry)
    assert found.reason is Reason.CONNECTION
    assert "cannot be resolved" in found.answer


async def test_an_allowed_host_opens_no_other() -> None:
    """A list of hosts allows these and nothing else, even where a connection to the same server is open."""
    names = Names(crm_internal=["127.0.0.1"], other_internal=["127.0.0.1"])
    async with HttpServer() as server:
        listed = webhook(f"http://crm.internal:{server.port}", allow_private=["CRM.internal."])
        async with opened("webhook", listed, resolver=names) as channel:
            payload = channel.encode(message(), {})
            assert isinstance(await channel.send(payload, DELIVERY), Delivered)
        other = webhook(f"http://other.internal:{server.port}", allow_private=["crm.internal"])
        async with opened("webhook", other, resolver=names) as channel:
            assert isinstance(await channel.send(payload, DELIVERY), Rejected)
    assert len(server.calls) == 1


@pytest.mark.parametrize("address", ["0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255"])
async def test_what_is_neither_public_nor_private_stays_closed(address: str) -> None:
    """`allow_private` opens private and loopback addresses, not metadata services and the like."""
    async with opened("webhook", webhook(f"http://{address}:1", allow_private=True)) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert found == Rejected(Reason.BLOCKED, answer=BLOCKED)


async def test_mail_servers_are_guarded_alike() -> None:
    """E-mail goes through the same guard, by number and by name."""
    names = Names(mail_example=["127.0.0.1"], relay_internal=["127.0.0.1"])
    async with SmtpServer() as server:
        for host, allow in (
            ("127.0.0.1", False),
            ("mail.example", False),
            ("mail.example", ["relay.internal"]),
        ):
            raw = mail(f"smtp://{host}:{server.port}", allow_private=allow)
            async with opened("email", raw, resolver=names) as channel:
                found = await channel.send(channel.encode(message(), {}), DELIVERY)
            assert found == Rejected(Reason.BLOCKED, answer=BLOCKED)
        assert server.connections == 0
        raw = mail(f"smtp://relay.internal:{server.port}", allow_private=["relay.internal"])
        async with opened("email", raw, resolver=names) as channel:
            assert isinstance(await channel.send(channel.encode(message(), {}), DELIVERY), Delivered)


PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "2606:4700::1111",
]
NAT64 = ["64:ff9b::808:808", "::ffff:8.8.8.8"]
PRIVATE = [
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
]
PRIVATE += ["127.0.0.1", "127.255.255.254", "::1", "fc00::1", "fdff::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
]
NEVER += ["198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::"]
NEVER += [
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001::1",
    "2001:1::1",
    "2001:db8::1",
    "2002:808:808::1",
]
NEVER += [
    "3fff::1",
    "5f00::1",
    "100::1",
    "64:ff9b:1::1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "4000::1",
    "",
    "localhost",
    "1.2.3",
]


@pytest.mark.parametrize("address", PUBLIC + NAT64)
def test_public_addresses_are_open(address: str) -> None:
    """Just outside the private networks it is public; a translated address is what it is translated to."""
    assert may_connect(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(address: str) -> None:
    """Loopback, private, shared and unique local addresses, also in the clothes of IPv6."""
    assert not may_connect(address, private=False)
    assert may_connect(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_everything_else_is_closed(address: str) -> None:
    """Link-local, multicast, reserved, documentation, tunnels, and what is no address."""
    assert not may_connect(address, private=False)
    assert not may_connect(address, private=True)


@given(st.ip_addresses())
def test_nothing_is_open_that_python_calls_private(address: IPv4Address | IPv6Address) -> None:
    """The standard library's own judgement, which changes between releases, is never stricter."""
    if may_connect(str(address), private=False):
        inner = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
        assert inner.is_global or str(address).startswith("64:ff9b::")
        assert not inner.is_multicast


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    """What is no address is closed."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        assert not may_connect(text, private=True)


def test_hosts_are_compared_as_names() -> None:
    """Case, a final dot and brackets make no difference."""
    allowed = normal_hosts(["CRM.Internal.", "[::1]"])
    assert all(
        is_allowed(host, allowed)
        for host in ("crm.internal", "CRM.INTERNAL", "crm.internal.", "::1", "[::1]")
    )
    assert not is_allowed("crm.internal.example", allowed)
    assert not is_allowed("x.crm.internal", allowed)
