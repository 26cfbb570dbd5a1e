"""Find the cameras of the network that speak ONVIF, by a WS-Discovery probe on every interface of this computer.

Everybody on the network may answer, with anything: answers are few, small and read strictly, and what a device says of
itself counts only for the address that it has answered from.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
import uuid
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from robotdata.station.protocol import NetworkCamera
from robotdata.station.strict_xml import BadXml, Element, read_xml

GROUP, PORT = "239.255.255.250", 3702
_LISTEN_S = 2.0
_AGAIN_S = 0.4
"""A probe is a datagram and may be lost: it is sent twice."""
_MOST_INTERFACES, _MOST_ANSWERS, MOST_CAMERAS = 32, 500, 32
_LONGEST_ANSWER = 65_536
_LONGEST_NAME = 100
_SCOPE = "onvif://www.onvif.org/"
_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
    ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<e:Header><w:MessageID>{id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
    "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
    "<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
)


def find_network_cameras() -> list[NetworkCamera]:
    """Return the cameras that answer within 2 s, by their addresses; the network may lose an answer.

    An interface that carries no multicast is left out.
    """
    probe_id = f"urn:uuid:{uuid.uuid4()}"
    probe = _PROBE.format(id=probe_id).encode()
    cameras: dict[str, NetworkCamera] = {}
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for interface in _interfaces():
            selector.register(stack.enter_context(interface), selectors.EVENT_READ)
        for data, address in _answers(selector, probe):
            camera = _camera(data, address, probe_id)
            if camera is not None and len(cameras) < MOST_CAMERAS:
                cameras.setdefault(camera["service"] or address, camera)
    return sorted(cameras.values(), key=lambda camera: _by_number(camera["address"]))


def _interfaces() -> Iterator[socket.socket]:
    """Yield a socket for each interface that may send to the group."""
    for index, _name in socket.if_nameindex()[:_MOST_INTERFACES]:
        each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            each.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
        except OSError:  # no IPv4 there
            each.close()
        else:
            yield each


def _answers(selector: selectors.BaseSelector, probe: bytes) -> Iterator[tuple[bytes, str]]:
    """Send the probe, and yield what comes with the address that it comes from."""
    sockets = [key.fileobj for key in selector.get_map().values()]
    if not sockets:
        return
    began, sent, count = time.monotonic(), 0, 0
    while (passed := time.monotonic() - began) < _LISTEN_S and count < _MOST_ANSWERS:
        if sent * _AGAIN_S <= passed and sent < 2:
            sent += 1
            for each in sockets:
                with contextlib.suppress(OSError):  # it is down
                    each.sendto(probe, (GROUP, PORT))  # type: ignore[union-attr]
        wait = (_AGAIN_S if sent < 2 else _LISTEN_S) - passed
        for key, _ in selector.select(max(0.0, wait)):
            with contextlib.suppress(OSError):
                data, (address, _port) = key.fileobj.recvfrom(_LONGEST_ANSWER)  # type: ignore[union-attr]
                count += 1
                yield data, address


def _camera(data: bytes, address: str, probe_id: str) -> NetworkCamera | None:
    """Return what an answer to this probe names; None if it is none, or that of something else."""
    try:
        envelope = read_xml(data)
    except BadXml:
        return None
    if envelope.words("Header", "RelatesTo") != probe_id:
        return None
    for match in envelope.all("ProbeMatch"):
        if "NetworkVideoTransmitter" in match.words("Types") or _SCOPE in match.words("Scopes"):
            return _described(match, address)
    return None


def _described(match: Element, address: str) -> NetworkCamera:
    scopes = [each.removeprefix(_SCOPE) for each in match.words("Scopes").split() if each.startswith(_SCOPE)]
    about = {kind: _plain(unquote(value)) for kind, _, value in (each.partition("/") for each in reversed(scopes))}
    services = [each for each in match.words("XAddrs").split() if is_service_at(each, address)]
    name, hardware = about.get("name", ""), about.get("hardware", "")
    return {
        "name": name or hardware or "Network camera",
        "hardware": hardware if hardware not in name else "",
        "address": address,
        "service": services[0][:1000] if services else "",
    }


def is_service_at(url: str, address: str) -> bool:
    """Whether a device at this address may be asked at this url: one device does not send us to another one."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname == address and parts.username is None
    return False


def _plain(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:_LONGEST_NAME].strip()


def _by_number(address: str) -> bytes:
    return socket.inet_aton(address)
