"""Checks where channels connect to: private addresses without leave, and hosts that are only examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from bridge.channels.guard import AllowPrivate, is_allowed, may_connect, normal_hosts
from bridge.config.files import Material
from bridge.config.yaml_nodes import ScalarNode
from bridge.core.problems import Path, Problem

_KEYS = ("smtp", "url", "webhook_url", "api_url")


def hosts_can_be_reached(material: Material) -> Iterator[Problem]:
    """Yield what is wrong with the hosts that channels name; names other than localhost are not looked up."""
    section = material.data.get("channels")
    for name, raw in section.items() if isinstance(section, Mapping) else ():
        for key in _KEYS if isinstance(raw, Mapping) else ():
            yield from _address(raw, ("channels", name, key), material)


def _address(raw: Mapping[str, object], path: Path, material: Material) -> Iterator[Problem]:
    scheme, host = _parts(raw.get(str(path[-1])))
    allow = _leave(raw.get("allow_private", False))
    if host == "example" or host.endswith(".example"):
        advice = f"{host} is a placeholder; {_where(path, material)} the address of a server of yours"
        yield Problem(path, advice, warning=True)
    elif raw.get("type") == "slack" and scheme == "http":
        return  # the model refuses that, and says when it would do
    elif _is_local(host) and not is_allowed(host, allow):
        sentence = f"{host} is a private address; if that is right, give the channel `allow_private: true`"
        yield Problem(path, sentence)
    elif _is_number(host) and not _is_local(host) and not may_connect(host, private=True):
        yield Problem(path, f"{host} is a reserved address, to which no channel connects")


def _parts(address: object) -> tuple[str, str]:
    try:
        parts = urlsplit(address) if isinstance(address, str) else None
        return (parts.scheme, (parts.hostname or "").rstrip(".")) if parts else ("", "")
    except ValueError:
        return "", ""


def _leave(raw: object) -> AllowPrivate:
    """Return what the model will make of `allow_private`; what it refuses counts as leave."""
    hosts = [host for host in raw if isinstance(host, str)] if isinstance(raw, list) else []
    return normal_hosts(hosts) if hosts else raw is not False


def _is_number(host: str) -> bool:
    try:
        return bool(ip_address(host.partition("%")[0]))
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_number(host) and may_connect(host, private=True) and not may_connect(host, private=False)


def _where(path: Path, material: Material) -> str:
    """Return the beginning of advice about a value: the variable to set, or to write."""
    node = material.node(path)
    outside = material.filled[id(node)].outside if isinstance(node, ScalarNode) else ()
    names = [reference[2:-1] for reference in outside]
    return f"set {names[0]} to" if len(names) == 1 and ":" not in names[0] else "write"
