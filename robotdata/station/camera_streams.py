"""`python -m robotdata.station.camera_streams`: ask a network camera over ONVIF for its streams, as JSON.

The input is one JSON object with `service`, `user` and `password`; the output `streams`, or the `error` of a refusal.
It is a program of its own because a camera may answer a byte at a time without an end; then it is killed.

The camera is asked at one address, and every other address that it names is taken at that host alone: so neither a
password nor a request goes to a computer that somebody has only written into an answer.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, quote, urlsplit
from xml.sax.saxutils import escape

from robotdata.own_output import own_output, write_result
from robotdata.station.errors import AskRefused
from robotdata.station.protocol import CameraStream
from robotdata.station.strict_xml import MOST_BYTES, BadXml, Element, read_xml

_TIMEOUT_S = 5.0
_MOST_STREAMS = 8
_LONGEST_NAME, _LONGEST_URL = 100, 900
_DEVICE, _MEDIA = "http://www.onvif.org/ver10/device/wsdl", "http://www.onvif.org/ver10/media/wsdl"
_SCHEMES = {"rtsp": 554, "http": 80, "https": 443}
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity"
_TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope">'
    "<e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
)


def main() -> int:
    """Write {"streams"} or {"error"}; return 0 in both cases."""
    output = own_output()
    asked = json.loads(sys.stdin.read())
    try:
        write_result(output, {"streams": camera_streams(asked["service"], asked["user"], asked["password"])})
    except AskRefused as refusal:
        write_result(output, {"error": refusal.as_error()})
    return 0


def camera_streams(service: str, user: str, password: str) -> list[CameraStream]:
    """Return the streams of the camera at `service`, the largest first. Raises AskRefused.

    `user` and `password` are those of the camera (empty: none); each `url` that is returned has them.
    """
    camera = _Camera(service, user, password)
    camera.set_clock()
    capabilities = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
    media = camera.ask(camera.service, capabilities).words("Capabilities", "Media", "XAddr")
    if not media:
        raise AskRefused("no_picture", f"{camera.host} names no streams: type the stream's address")
    profiles = list(camera.ask(media, f'<GetProfiles xmlns="{_MEDIA}"/>').all("Profiles"))[:_MOST_STREAMS]
    streams = [stream for each in profiles if (stream := _stream(camera, media, each)) is not None]
    return sorted(streams, key=lambda stream: -stream["width"] * stream["height"])


def _stream(camera: _Camera, media: str, profile: Element) -> CameraStream | None:
    """Return the stream of a profile; None if it has no usable address. Raises AskRefused."""
    setup = (
        '<StreamSetup><Stream xmlns="http://www.onvif.org/ver10/schema">RTP-Unicast</Stream>'
        '<Transport xmlns="http://www.onvif.org/ver10/schema"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
    )
    token = escape(profile.attributes.get("token", ""))
    body = f'<GetStreamUri xmlns="{_MEDIA}">{setup}<ProfileToken>{token}</ProfileToken></GetStreamUri>'
    url = camera.stream_url(camera.ask(media, body).words("MediaUri", "Uri"))
    if not url:
        return None
    encoder = profile.first("VideoEncoderConfiguration") or Element("", {})
    return {
        "name": profile.words("Name")[:_LONGEST_NAME] or token[:_LONGEST_NAME],
        "url": url,
        "encoding": encoder.words("Encoding")[:20],
        "width": _number(encoder.words("Resolution", "Width"), 16_384),
        "height": _number(encoder.words("Resolution", "Height"), 16_384),
        "fps": float(_number(encoder.words("RateControl", "FrameRateLimit"), 240)),
    }


class _Camera:
    """One camera, asked by SOAP at its own host; each method raises AskRefused."""

    def __init__(self, service: str, user: str, password: str) -> None:
        self._user, self._password = user, password
        self._ahead = timedelta(0)
        parts = _split(service)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise AskRefused("bad_args", f"service: is {service!r:.60}, want an http address")
        self.service, self.host = service, parts.hostname

    def set_clock(self) -> None:
        """Learn the camera's clock: most refuse a password that their clock calls old."""
        answer = self.ask(self.service, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', signed=False)
        found = answer.first("UTCDateTime")
        if found is None:
            return
        names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        with contextlib.suppress(ValueError, OverflowError):
            year, month, day, hour, minute, second = (int(found.words(name)) for name in names)
            self._ahead = datetime(year, month, day, hour, minute, second, tzinfo=UTC) - datetime.now(UTC)

    def ask(self, url: str, body: str, *, signed: bool = True) -> Element:
        """Return the body of the answer to `body`, asked at the path of `url` on the camera's host."""
        parts = _split(url)
        if parts is None or parts.hostname is None or parts.scheme not in ("http", "https"):
            raise AskRefused("no_picture", f"{self.host} gives an address that cannot be used: type the stream's")
        header = self._signature() if signed and self._user else ""
        status, data = self._post(parts, _ENVELOPE.format(header=header, body=body).encode())
        if status == http.client.UNAUTHORIZED:
            raise self._not_signed_in()
        try:
            envelope = read_xml(data)
        except BadXml as error:
            raise AskRefused("no_picture", f"{self.host} does not answer as ONVIF cameras do ({error})") from error
        fault = envelope.first("Fault")
        if fault is not None:
            subcodes = " ".join(each.text for each in fault.all("Value"))
            if "NotAuthorized" in subcodes or "FailedAuthentication" in subcodes:
                raise self._not_signed_in()
            reason = fault.words("Reason", "Text")[:200] or subcodes[:200]
            raise AskRefused("no_picture", f"{self.host} refuses to name its streams: {reason}")
        return envelope.first("Body") or envelope

    def stream_url(self, url: str) -> str:
        """Return a stream's address at the camera's host, with user and password; empty if it is not a stream's."""
        parts = _split(url)
        if parts is None or parts.scheme not in _SCHEMES or len(url) > _LONGEST_URL or not url.isprintable():
            return ""
        sign_in = f"{quote(self._user, safe='')}:{quote(self._password, safe='')}@" if self._user else ""
        port = f":{parts.port}" if parts.port not in (None, _SCHEMES[parts.scheme]) else ""
        return parts._replace(netloc=f"{sign_in}{_bracketed(self.host)}{port}").geturl()

    def _post(self, parts: SplitResult, data: bytes) -> tuple[int, bytes]:
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.host, parts.port, timeout=_TIMEOUT_S)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        try:
            connection.request("POST", target or "/", data, headers)
            response = connection.getresponse()
            return response.status, response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise AskRefused("no_picture", f"{self.host} does not answer ({error}): check its cable") from error
        finally:
            connection.close()

    def _signature(self) -> str:
        """Return the header that proves the password and does not tell it."""
        nonce = os.urandom(16)
        created = (datetime.now(UTC) + self._ahead).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hashlib.sha1(nonce + created.encode() + self._password.encode(), usedforsecurity=False).digest()
        return (
            f'<s:Security xmlns:s="{_SECURITY}-secext-1.0.xsd" xmlns:u="{_SECURITY}-utility-1.0.xsd"><s:UsernameToken>'
            f"<s:Username>{escape(self._user)}</s:Username>"
            f'<s:Password Type="{_TOKEN}#PasswordDigest">{base64.b64encode(digest).decode()}</s:Password>'
            f"<s:Nonce>{base64.b64encode(nonce).decode()}</s:Nonce><u:Created>{created}</u:Created>"
            "</s:UsernameToken></s:Security>"
        )

    def _not_signed_in(self) -> AskRefused:
        problem = "wants a user and a password" if not self._user else "refuses this user or password"
        return AskRefused("not_signed_in", f"{self.host} {problem}: those of its own page, or of its ONVIF users")


def _split(url: str) -> SplitResult | None:
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0:  # which raises if it is none
            return parts
    return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _number(text: str, most: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) <= most else 0


if __name__ == "__main__":
    raise SystemExit(main())
