"""Values that are more than text: addresses, time zones, names, the store's address."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.config.types import Address, ListenAddress, Name, OneOrMore, StoreAddress, WebAddress, Zone


def made(kind: Any, value: object) -> Any:
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("typed", "host", "port", "loopback"),
    [
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),
        ("127.0.0.1:8081", "127.0.0.1", 8081, True),
        ("127.9.9.9:0", "127.9.9.9", 0, True),
        ("localhost:80", "localhost", 80, True),
        ("[::1]:8081", "::1", 8081, True),
        ("[::]:8080", "::", 8080, False),
        ("bridge.internal:65535", "bridge.internal", 65535, False),
    ],
)
def test_addresses_to_listen_on(typed: str, host: str, port: int, loopback: bool) -> None:
    """Host and port are taken apart and written as they were; loopback is recognised in every spelling."""
    address = made(ListenAddress, typed)
    assert address == Address(host, port)
    assert (str(address), address.is_loopback) == (typed, loopback)


@pytest.mark.parametrize(
    "typed", ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:65536", "::1:80", "a b:80", 8080, None]
)
def test_what_is_no_address_to_listen_on(typed: object) -> None:
    """A port alone is not enough: who listens where is worth saying."""
    with pytest.raises(ValidationError, match="expected an address and a port"):
        made(ListenAddress, typed)


@pytest.mark.parametrize("typed", ["America/Sao_Paulo", "UTC", "Europe/Lisbon"])
def test_time_zones(typed: str) -> None:
    """Names of the IANA list."""
    assert made(Zone, typed).key == typed


@pytest.mark.parametrize(
    "typed", ["", "America", "../etc/passwd", "/etc/localtime", "Brasilia", "a\0b", -3, None]
)
def test_what_is_no_time_zone(typed: object) -> None:
    """Folders of the list, paths and offsets are none."""
    with pytest.raises(ValidationError, match="no time zone"):
        made(Zone, typed)


@pytest.mark.parametrize("typed", ["a", "parabens-modulo", "Escola_2", "0", "x" * 64])
def test_names(typed: str) -> None:
    """Letters, digits, dash and underscore."""
    assert made(Name, typed) == typed


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("parabéns módulo", "parabens-modulo"),
        ("-a", "a"),
        ("a/b", "a-b"),
        ("É!", "e"),
        ("a\n", "a"),
        ("!", ""),
    ],
)
def test_what_is_no_name_comes_with_one(typed: str, better: str) -> None:
    """Accents and spaces are what people write first, so the name without them is offered."""
    with pytest.raises(ValidationError) as error:
        made(Name, typed)
    assert (f"did you mean '{better}'?" in str(error.value)) == bool(better)


@pytest.mark.parametrize(
    ("typed", "good"),
    [
        ("sqlite:///bridge.db", True),
        ("sqlite:////data/bridge.db", True),
        ("postgresql://user@host/db", True),
        ("postgres://user@host/db", False),
        ("mysql://host/db", False),
        ("bridge.db", False),
    ],
)
def test_where_the_store_may_be(typed: str, good: bool) -> None:
    """SQLite or PostgreSQL; what was typed may hold a password and is not shown."""
    if good:
        assert made(StoreAddress, typed).get_secret_value() == typed
        return
    with pytest.raises(ValidationError, match="expected sqlite"):
        made(StoreAddress, typed)


@pytest.mark.parametrize("typed", ["https://escola.example", "http://localhost:8080/", "https://a.example/x"])
def test_web_addresses(typed: str) -> None:
    """Without a slash at the end, so that paths can be added."""
    assert made(WebAddress, typed) == typed.rstrip("/")


@pytest.mark.parametrize(
    "typed", ["bridge.escola.example", "ftp://a.example", "https://", "https://a?b", "https://["]
)
def test_what_is_no_web_address(typed: str) -> None:
    """A scheme and a host, and nothing that a path could not follow."""
    with pytest.raises(ValidationError, match="expected an address such as https"):
        made(WebAddress, typed)


def test_one_is_a_list_of_one() -> None:
    """`on: x` and `on: [x]` are the same."""
    assert made(OneOrMore, "x") == made(OneOrMore, ["x"]) == ("x",)
