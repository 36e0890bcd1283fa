"""Own data at http:// and https://: only from hosts that a setting allows, and never from inside the cluster by default.

Whoever may write a resource could otherwise have the stage's pod read what only the cluster's inside can: a metadata service, a
neighbour's API. So the host must be allowed, the addresses that its name resolves to must be public ones, the connection goes
to exactly these addresses (a second look-up could give others), and each redirect is checked like the first address. No
message repeats what was answered.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx

from prompt2model_api.environment_names import P2M_OWN_DATA_HOSTS as HOSTS
from prompt2model_api.environment_names import P2M_OWN_DATA_NETWORKS as NETWORKS
from prompt2model_stages.errors import StageError, blocked, failed

LARGEST = 2**30
"""Bytes of a file."""
LONGEST_S, CONNECT_S, MOST_REDIRECTS = 600.0, 20.0, 5
_INSIDE = ("localhost", "local", "internal", "svc", "cluster.local", "in-addr.arpa", "ip6.arpa")
"""Names that are never looked up for a * alone: this machine's, a cluster's, a cloud's."""
_OWN_REASONS = frozenset({"HostNotAllowed", "FileUnreachable", "FileMissing", "FormatUnknown", "FileTooLarge"})
"""Of failures whose words are this module's, or speak of the address alone."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Allowed:
    """What may be read. An address in `hosts` itself allows that address, public or not."""

    hosts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Allowed:
        """As HOSTS and NETWORKS say; nothing where they say nothing. Raises: StageError HostNotAllowed."""
        hosts = tuple(filter(None, (one.strip().strip("[]").lower() for one in environment.get(HOSTS, "").split(","))))
        named = [one.strip() for one in environment.get(NETWORKS, "").split(",") if one.strip()]
        try:
            return cls(hosts, tuple(ipaddress.ip_network(one, strict=False) for one in named))
        except ValueError as error:
            raise blocked("HostNotAllowed", f"{NETWORKS} cannot be read: {error}.", "Correct it.") from error

    def host(self, name: str) -> bool:
        """Whether the host is named, or falls under a * that does not reach inside."""
        name = _plain(name)
        if name in self.hosts:
            return True
        if "." not in name or any(name == one or name.endswith(f".{one}") for one in _INSIDE):
            return any(one.startswith("*.") and name.endswith(one[1:]) and one != "*." for one in self.hosts)
        return any(one == "*" or (one.startswith("*.") and name.endswith(one[1:])) for one in self.hosts)

    def address(self, address: Address, name: str) -> bool:
        """Whether the address may be connected to."""
        real = _real(address)
        if any(real in network for network in self.networks if network.version == real.version):
            return True
        with suppress(ValueError):
            if _plain(name) in self.hosts and ipaddress.ip_address(_plain(name)) == address:
                return True
        return real.is_global and not real.is_multicast


def is_web(uri: str) -> bool:
    """Whether the URI is an address of the web."""
    return uri.lower().startswith(("http://", "https://"))


def fetch(uri: str, where: str, allowed: Allowed | None = None) -> bytes:
    """The file at an address.

    Args:
        uri: http:// or https://.
        where: the spec's field, for messages.
        allowed: by default as the environment says.

    Raises: StageError: HostNotAllowed, FileUnreachable (Blocked), FileMissing, FileTooLarge (Failed).
    """
    allowed = Allowed.from_environment(os.environ) if allowed is None else allowed
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, with what is signed in them
    deadline = time.monotonic() + LONGEST_S
    url = _parsed(uri, where)
    # No proxy: it would look names up by itself. No cookies, no credentials from ~/.netrc.
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=httpx.Timeout(60, connect=CONNECT_S)) as client:
        for _ in range(MOST_REDIRECTS + 1):
            addresses = _checked(url, where, allowed)
            with _answer(client, url, addresses, where) as response:
                if not response.has_redirect_location:
                    return _body(response, url, where, deadline)
                target = _parsed(str(url.join(response.headers["location"])), where)
            if (url.scheme, target.scheme) == ("https", "http"):
                raise _unreachable(where, url, "it redirects from https:// to http://")
            url = target
    raise _unreachable(where, url, f"it redirects more than {MOST_REDIRECTS} times")


@contextmanager
def discreet(uri: str, where: str) -> Iterator[None]:
    """Around what reads a file: where it comes from the web, no failure tells what is in it. Raises: StageError."""
    try:
        yield
    except StageError as error:
        if not is_web(uri) or error.failure.reason in _OWN_REASONS:
            raise
        raise _not_repeated(uri, where, error.failure.reason) from None
    except Exception as error:
        if not is_web(uri):
            raise
        raise _not_repeated(uri, where, "DataMalformed", type(error).__name__) from None


def _not_repeated(uri: str, where: str, reason: str, kind: str = "") -> StageError:
    return failed(
        reason,
        f"{where}: what {shown(uri)} answers cannot be used ({reason}{f', {kind}' if kind else ''}). What is in it is not "
        "repeated here, because it comes from another host.",
        f"Download it, name the file's path in {where}, and see what `p2m validate` says of it.",
    )


def shown(uri: str) -> str:
    """The address for messages: without user, query and fragment, where signatures stand."""
    try:
        return str(httpx.URL(uri).copy_with(userinfo=b"", query=None, fragment=None))
    except (httpx.InvalidURL, ValueError):
        return "the address"


def _parsed(uri: str, where: str) -> httpx.URL:
    try:
        url = httpx.URL(uri)
    except (httpx.InvalidURL, ValueError):
        raise failed("FileUnreachable", f"{where}: the address is none.", f"Correct {where}.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise blocked("HostNotAllowed", f"{where}: it leads to {url.scheme or 'no scheme'}://.", f"Correct {where}.")
    if url.userinfo:
        message = f"{where}: a user or password stands in the address, and whoever reads the resource reads it."
        raise failed("FileUnreachable", message, "Put the file where none is needed, or on storage such as s3://.")
    return url


def _checked(url: httpx.URL, where: str, allowed: Allowed) -> list[str]:
    """The addresses to connect to. Raises: StageError."""
    if not allowed.host(url.host):
        there = ", ".join(allowed.hosts) or "none"
        raise blocked(
            "HostNotAllowed",
            f"{where}: own data is not read from the host {url.host}; the hosts allowed are: {there}.",
            f"Name the host in {HOSTS} for a local run, in the chart's settings.ownData.hosts for a cluster; or put the file "
            "into a ConfigMap or on storage.",
        )
    try:
        found = socket.getaddrinfo(
            url.host, url.port or {"http": 80, "https": 443}[url.scheme], type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        raise _unreachable(where, url, "there is no such host") from None
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not all(allowed.address(ipaddress.ip_address(one.partition("%")[0]), url.host) for one in addresses):
        raise blocked(
            "HostNotAllowed",
            f"{where}: the host {url.host} is at an address that is not public: own data is not read from inside a cluster, "
            "a private network or this machine.",
            f"Name its network in {NETWORKS} for a local run, in the chart's settings.ownData.networks for a cluster.",
        )
    return addresses


@contextmanager
def _answer(client: httpx.Client, url: httpx.URL, addresses: Sequence[str], where: str) -> Iterator[httpx.Response]:
    """The answer of the first address that takes the connection; the name goes along for TLS and for virtual hosts."""
    headers = {"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", "User-Agent": "prompt2model"}
    for place, address in enumerate(addresses, start=1):
        request = client.build_request(
            "GET", url.copy_with(host=address, fragment=None), headers=headers, extensions={"sni_hostname": url.host}
        )
        try:
            response = client.send(request, stream=True)
        except httpx.ConnectError as error:
            if place < len(addresses):
                continue
            raise _unreachable(where, url, _kind(error)) from None
        except httpx.HTTPError as error:
            raise _unreachable(where, url, _kind(error)) from None
        try:
            yield response
        finally:
            response.close()
        return


def _body(response: httpx.Response, url: httpx.URL, where: str, deadline: float) -> bytes:
    status = response.status_code
    if status in (404, 410):
        raise failed("FileMissing", f"{where}: there is no file {shown(str(url))} ({status}).", f"Correct {where}.")
    if status != 200:
        raise _unreachable(where, url, f"it answers {status}")
    parts, size = [], 0
    try:
        for part in response.iter_bytes():
            size += len(part)
            if size > LARGEST:
                message = f"{where}: the file at {shown(str(url))} has over {LARGEST // 2**20:,} MiB."
                raise failed("FileTooLarge", message, "Put it on storage such as s3://, or into smaller files.")
            if time.monotonic() > deadline:
                raise _unreachable(where, url, f"it is not read within {LONGEST_S:.0f} s")
            parts.append(part)
    except httpx.HTTPError as error:
        raise _unreachable(where, url, _kind(error)) from None
    return b"".join(parts)


def _kind(error: httpx.HTTPError) -> str:
    """What went wrong, in the kinds of the library: its words may hold a part of the answer."""
    kinds = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.ConnectError: "no connection, or none that is secure",
        httpx.TimeoutException: "it does not answer in time",
    }
    said = next((words for kind, words in kinds.items() if isinstance(error, kind)), None)
    return said or f"the connection broke ({type(error).__name__})"


def _unreachable(where: str, url: httpx.URL, why: str) -> StageError:
    return blocked(
        "FileUnreachable",
        f"{where}: {shown(str(url))} cannot be read: {why}.",
        "Check the address and the network, or put the file on storage such as s3://.",
    )


def _plain(name: str) -> str:
    return name.strip("[]").rstrip(".").lower()


def _real(address: Address) -> Address:
    """The address that is reached in the end, where IPv6 only carries one of IPv4."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if int(address) >> 32 == 0x64FF9B << 64:  # 64:ff9b::/96, NAT64
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo is not None else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
