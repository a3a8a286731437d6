"""Links that platforms send us, and which of them may be followed: pure. `downloads` follows them."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

URL_CHARS_MAX = 4_096
PORTS = {"https": 443, "http": 80}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
UNICAST = ipaddress.ip_network(
    "2000::/3"
)  # all of IPv6 that is given out; site-local addresses are outside
WITHIN = (  # what the standard library takes for public, or did in some of its versions
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4, out of use (RFC 7526)
    ipaddress.ip_network("3fff::/20"),  # documentation (RFC 9637)
)


class BadLinkError(Exception):
    """A link that is not followed; the text says why and holds nothing of it: links are secrets."""


@dataclass(frozen=True, slots=True)
class Links:
    """Which links of a platform are followed.

    `hosts`: `files.example.com`, `*.example.com` (what is below it, not itself), with `:port` where it is not the
    usual one. `types`: media types that are taken, `image/*` for all of a kind. `bytes_max` bounds one file. `plain`
    (http) and `private` (addresses that are not public) are for tests and sandboxes. ValueError where a host is none.
    """

    hosts: tuple[str, ...]
    types: tuple[str, ...]
    bytes_max: int = 25_000_000
    plain: bool = False
    private: bool = False

    def __post_init__(self) -> None:
        for host in self.hosts:
            name = host.removeprefix("*.").partition(":")[0]
            if not name or "*" in name or "/" in host or name != name.lower():
                raise ValueError(f"{host!r} is no host: write files.example.com or *.example.com")


def allowed(url: str, links: Links) -> str:
    """The URL, if it may be asked for at all. Raises BadLinkError; whether its addresses are public shows later."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or any(c <= " " or c == "\\" for c in url):
        raise BadLinkError("it is no URL")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise BadLinkError("it is no URL") from None
    if parts.scheme != "https" and not (links.plain and parts.scheme == "http"):
        raise BadLinkError("it is not https")
    if parts.username is not None or parts.password is not None:
        raise BadLinkError("it holds credentials")
    if not any(_fits(host, port or PORTS[parts.scheme], parts.scheme, one) for one in links.hosts):
        raise BadLinkError("its host is not one of those that the platform's files are at")
    if not links.private and not _maybe_public(host):
        raise BadLinkError("its address is not public")
    return url


def _fits(host: str, port: int, scheme: str, pattern: str) -> bool:
    name, _, wanted = pattern.partition(":")
    if port != (int(wanted) if wanted else PORTS[scheme]):
        return False
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _maybe_public(host: str) -> bool:
    """An address that stands in the URL is not resolved, so it is looked at here."""
    try:
        return public(host)
    except ValueError:
        return True  # a name: the resolver looks at what it stands for


def public(address: str) -> bool:
    """Whether an IP address is one of the internet at large. Raises ValueError where it is no address."""
    one = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        same = one.ipv4_mapped or _nat64(one)  # the IPv4 address in other words
        if same is not None:
            return public(str(same))
        inner = one.sixtofour or (one.teredo or (None, None))[1]
        if inner is not None and not public(str(inner)):
            return False
        if one not in UNICAST:
            return False
    if any(one in network for network in WITHIN):
        return False
    return one.is_global and not (one.is_multicast or one.is_reserved or one.is_unspecified)


def _nat64(one: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(one) & 0xFFFFFFFF) if one in NAT64 else None
