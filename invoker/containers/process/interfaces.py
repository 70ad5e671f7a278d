"""A network interface's address, state and route by ioctl, without any program.

Making the interfaces is ``network``'s affair.  Source: netdevice(7), linux/route.h.
"""

from __future__ import annotations

import fcntl
import socket
import struct

_GET_FLAGS, _SET_FLAGS = 0x8913, 0x8914
_SET_ADDRESS, _SET_MASK, _ADD_ROUTE = 0x8916, 0x891C, 0x890B
_UP = 1
_ROUTE_UP_GATEWAY = 3


def control() -> socket.socket:
    """Answer a socket to speak through, for the network of whoever makes it."""
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def raise_interface(name: str, control: socket.socket) -> None:
    request = struct.pack("16sH14x", name.encode(), 0)
    (flags,) = struct.unpack_from("H", fcntl.ioctl(control, _GET_FLAGS, request), 16)
    request = struct.pack("16sH14x", name.encode(), flags | _UP)
    fcntl.ioctl(control, _SET_FLAGS, request)


def configure(
    name: str, control: socket.socket, *, address: str, mask: str, gateway: str
) -> None:
    """Give an interface its address and make it the way out."""
    for number, value in ((_SET_ADDRESS, address), (_SET_MASK, mask)):
        request = struct.pack("16s16s", name.encode(), _socket_address(value))
        fcntl.ioctl(control, number, request + bytes(8))
    raise_interface("lo", control)
    raise_interface(name, control)
    anywhere = _socket_address("0.0.0.0")  # noqa: S104 - a destination
    route = struct.pack(
        "=Q16s16s16sHh4xQQh6xQQQH6x",
        *(0, anywhere, _socket_address(gateway), anywhere),
        *(_ROUTE_UP_GATEWAY, 0, 0, 0, 0, 0, 0, 0, 0),
    )
    fcntl.ioctl(control, _ADD_ROUTE, route)


def _socket_address(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
