"""Links that platforms send us: which are followed."""

import pytest

from connectors.kit.links import BadLinkError, Links, allowed, public

LINKS = Links(("files.example.com", "*.cdn.example.com", "odd.example.com:8443"), ("image/*",))


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example.com/a.pdf?signature=x%2Fy&e=1",
        "https://files.example.com:443/",
        "https://FILES.example.com/",
        "https://files.example.com./",
        "https://eu.cdn.example.com/a",
        "https://a.b.cdn.example.com/a",
        "https://odd.example.com:8443/a",
    ],
)
def test_a_link_to_a_host_that_the_platform_uses_is_followed(url: str) -> None:
    assert allowed(url, LINKS) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://files.example.com/a", "not https"),
        ("ftp://files.example.com/a", "not https"),
        ("file:///etc/passwd", "not https"),
        ("gopher://files.example.com:70/_x", "not https"),
        ("//files.example.com/a", "not https"),
        ("https://evil.example/a", "host"),
        ("https://files.example.com.evil.example/a", "host"),
        ("https://evilfiles.example.com/a", "host"),
        ("https://cdn.example.com/a", "host"),
        ("https://evilcdn.example.com/a", "host"),
        ("https://files.example.com:22/a", "host"),
        ("https://odd.example.com/a", "host"),
        ("https://files.example.com@evil.example/a", "credentials"),
        ("https://user:pass@files.example.com/a", "credentials"),
        ("https://evil.example#@files.example.com/", "host"),
        ("https://evil.example\\@files.example.com/", "no URL"),
        ("https://files.example.com\t.evil.example/", "no URL"),
        ("https://files.example.com/\r\nHost: evil", "no URL"),
        ("https://filés.example.com/", "no URL"),
        ("https://files.example.com:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https:///a", "host"),
        ("", "not https"),
        ("https://files.example.com/" + "a" * 5_000, "no URL"),
    ],
)
def test_any_other_link_is_refused_and_the_reason_does_not_repeat_it(url: str, why: str) -> None:
    with pytest.raises(BadLinkError, match=why) as caught:
        allowed(url, LINKS)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1"])
def test_an_address_that_is_not_public_is_refused_even_where_it_is_named(host: str) -> None:
    with pytest.raises(BadLinkError, match="not public"):
        allowed(f"https://{host}/latest/meta-data", Links((host,), ("image/*",)))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "[::1]"),
        *("2002:a00:1::1", "fec0::1", "feff::1", "3fff::1", "192.88.99.1", "::ffff:192.88.99.1"),
        *("64:ff9b:1::1", "5f00::1"),
    ],
)
def test_addresses_within_are_not_public_however_they_are_written(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "a/b", "https://a", "UPPER.example", "a*b.example"]
)
def test_what_is_no_host_is_refused_at_start(host: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        Links((host,), ("image/*",))
