"""Which addresses of the internet are everybody's, and which lead into a network of one's own."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_CARRIES_IPV4 = (ip_network("64:ff9b::/96"), ip_network("2002::/16"), ip_network("2001::/32"))


def is_public(address: str) -> bool:
    """Whether an IP address is reached over the internet, and nothing else is: no loopback, private, link-local,
    shared, multicast or reserved one, and none that wraps another address. Source: the IANA special-purpose registries.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if any(found in net for net in _CARRIES_IPV4):
            return False
        if found.is_site_local:  # given up long ago, and routed within networks all the same
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def as_address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is written as; None where it is a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
