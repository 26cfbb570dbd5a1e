"""A network camera at the wire: it answers probes on the loopback interface, SOAP with a password, and sends MJPEG."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from robotdata.station.network_cameras import GROUP, PORT
from robotdata.station.strict_xml import Element, read_xml

USER, PASSWORD = "admin", "p@ss/word"
ELSEWHERE = "192.0.2.99"
"""An address that nothing may be asked at: a camera behind a router names one that is not its own."""
_AHEAD = timedelta(days=400)
"""A camera whose battery is empty has another clock."""
_TRUST_S = 300.0
_ENVELOPE = '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
_MATCH = (
    '<d:ProbeMatches xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><d:ProbeMatch>'
    '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>'
    "<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/{name}"
    " onvif://www.onvif.org/hardware/DS-2CD</d:Scopes><d:XAddrs>http://{elsewhere}/onvif {service}</d:XAddrs>"
    "</d:ProbeMatch></d:ProbeMatches>"
)


def found(name: str, service: str, related: str) -> bytes:
    """An answer to the probe `related`, of a camera that calls itself `name`."""
    header = f'<w:RelatesTo xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing">{related}</w:RelatesTo>'
    return _ENVELOPE.format(header=header, body=_MATCH.format(name=name, service=service, elsewhere=ELSEWHERE)).encode()


class _Handler(BaseHTTPRequestHandler):
    camera: OnvifCamera

    def do_POST(self) -> None:
        envelope = read_xml(self.rfile.read(int(self.headers["Content-Length"])))
        body = envelope.first("Body")
        assert body is not None
        asked = body.children[0].name
        self.camera.asked.append(asked)
        status, answer = self.camera.soap(asked, envelope)
        self._send(status, "application/soap+xml", answer.encode())

    def do_GET(self) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=f")
        self.end_headers()
        with contextlib.suppress(OSError):  # its client has enough
            for picture in self.camera.pictures():
                head = b"--f\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                self.wfile.write(head + picture + b"\r\n")

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None: ...


class OnvifCamera:
    """A camera called `name` that sends `frames` again and again, `fps` a second; `asked` has its questions."""

    def __init__(self, name: str, frames: Sequence[bytes], *, fps: float = 25.0, size: tuple[int, int]) -> None:
        self.name, self.fps, self.size, self.frames = name, fps, size, list(frames)
        self.asked: list[str] = []
        self.others: list[Callable[[str], bytes]] = []
        """Further answers to each probe, from its id: those of a hostile device."""
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (_Handler,), {"camera": self}))
        self._server.daemon_threads = True
        self.service = f"http://127.0.0.1:{self._server.server_port}/onvif/device_service"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((GROUP, PORT))
        loopback = struct.pack("=4s4si", socket.inet_aton(GROUP), b"", socket.if_nametoindex("lo"))
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, loopback)
        self._socket.settimeout(0.05)
        serve = lambda: self._server.serve_forever(poll_interval=0.01)  # noqa: E731
        self._threads = [threading.Thread(target=each, daemon=True) for each in (serve, self._answer_probes)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self.ending.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()
        self._socket.close()

    def pictures(self) -> Iterator[bytes]:
        number = 0
        while not self.ending.wait(1 / self.fps):
            yield self.frames[number % len(self.frames)]
            number += 1

    def _answer_probes(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as replies:
            replies.bind(("127.0.0.1", 0))
            while not self.ending.is_set():
                with contextlib.suppress(TimeoutError):
                    probe, sender = self._socket.recvfrom(65_536)
                    related = read_xml(probe).words("Header", "MessageID")
                    hostile = [answer(related) for answer in self.others]
                    for reply in (*hostile, found(self.name, self.service, related)):
                        replies.sendto(reply, sender)

    def soap(self, asked: str, envelope: Element) -> tuple[int, str]:
        """The answer to a question; all but the clock want the password."""
        now = datetime.now(UTC) + _AHEAD
        if asked == "GetSystemDateAndTime":
            times = {"Hour": now.hour, "Minute": now.minute, "Second": now.second}
            days = {"Year": now.year, "Month": now.month, "Day": now.day}
            clock = "".join(
                f"<{part}>{''.join(f'<{key}>{value}</{key}>' for key, value in values.items())}</{part}>"
                for part, values in (("Time", times), ("Date", days))
            )
            return 200, _ENVELOPE.format(header="", body=f"<UTCDateTime>{clock}</UTCDateTime>")
        if not self._is_signed(envelope, now):
            fault = (
                "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode>"
                "</s:Code><s:Reason><s:Text>Sender not authorized</s:Text></s:Reason></s:Fault>"
            )
            return 400, _ENVELOPE.format(header="", body=fault)
        port = self._server.server_port
        width, height = self.size
        answers = {
            "GetCapabilities": f"<Capabilities><Media><XAddr>http://{ELSEWHERE}:{port}/onvif/media</XAddr></Media>"
            "</Capabilities>",
            "GetProfiles": '<Profiles token="small"><Name>sub</Name></Profiles>'
            '<Profiles token="large"><Name>main</Name>'
            "<VideoEncoderConfiguration><Encoding>JPEG</Encoding><Resolution>"
            f"<Width>{width}</Width><Height>{height}</Height></Resolution><RateControl><FrameRateLimit>{self.fps:g}"
            "</FrameRateLimit></RateControl></VideoEncoderConfiguration></Profiles>",
            "GetStreamUri": f"<MediaUri><Uri>http://{ELSEWHERE}:{port}/cam?profile="
            f"{envelope.words('ProfileToken')}</Uri></MediaUri>",
        }
        return 200, _ENVELOPE.format(header="", body=answers[asked])

    def _is_signed(self, envelope: Element, now: datetime) -> bool:
        created = envelope.words("Security", "Created")
        nonce = base64.b64decode(envelope.words("Security", "Nonce"))
        wanted = base64.b64encode(hashlib.sha1(nonce + created.encode() + PASSWORD.encode()).digest()).decode()
        is_theirs = envelope.words("Security", "Username") == USER and envelope.words("Security", "Password") == wanted
        return is_theirs and abs((datetime.fromisoformat(created) - now).total_seconds()) < _TRUST_S
