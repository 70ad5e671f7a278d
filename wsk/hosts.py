"""API hosts: checking them, and making URLs of them."""

from urllib.parse import urlsplit

from wsk.errors import WskError


def fault(host: str) -> str:
    """What is wrong with an API host, or nothing."""
    if not host.strip():
        return "An API host must be provided."
    if any(letter.isspace() or not letter.isprintable() for letter in host):
        return "An API host has no blanks or control characters."
    try:
        parts = urlsplit(with_scheme(host))
        port = parts.port
    except ValueError as error:
        return f"{error}."
    if parts.scheme not in ("http", "https"):
        return "Only http:// and https:// are understood."
    if not parts.hostname:
        return "The host's name is missing."
    if "@" in parts.netloc:
        return "Credentials do not belong in the API host; use --auth."
    if parts.query or parts.fragment or port == 0:
        return "An API host is a scheme, a name and perhaps a port."
    return ""


def with_scheme(host: str) -> str:
    """A host without a scheme means https."""
    return host if "://" in host else f"https://{host}"


def base(host: str) -> str:
    """Scheme, host and port, checked.

    Raises:
        WskError: this is no API host.
    """
    reason = fault(host)
    if reason:
        # an empty line and the usage line follow: scripts match on both
        text = f"The API host is not valid: {reason}\n"
        raise WskError(text, usage=True)
    return with_scheme(host).rstrip("/")


def masked(host: str) -> str:
    """For messages: never show credentials that stand before an `@`."""
    front, mark, rest = host.rpartition("@")
    if not mark:
        return host
    scheme, slashes, _ = front.rpartition("//")
    return f"{scheme}{slashes}***@{rest}"
