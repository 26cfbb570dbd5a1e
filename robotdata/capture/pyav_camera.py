"""The camera kind `pyav`: everything that FFmpeg opens, a file, a V4L2 device or a network camera."""

from __future__ import annotations

from typing import Any

from robotdata.capture import clock
from robotdata.capture.device_lock import DeviceLock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.video.live_source import FITS, SCHEMES, LiveError, LiveSource, split_url
from robotdata.video.upright import CLOCKWISE
from robotdata.video.v4l2_formats import NAMES


class PyavCamera:
    """A camera that reads a LiveSource. JPEG packets of the source are stored as they are, without decoding."""

    def __init__(self, context: DeviceContext, url: str, **options: Any) -> None:
        """Read `url` with LiveSource's `options`: `loop`, `fit`, `pixel_format` and `verify_certificate`."""
        mounted = CLOCKWISE[context.rotate]
        self._source = LiveSource(url, context.width, context.height, context.camera_fps, mounted=mounted, **options)
        scheme, target = split_url(url)
        remedy = "stop that process, or use another url for this camera"
        self._device = DeviceLock(target, url, remedy) if scheme == "v4l2" else None

    def connect(self) -> None:
        if self._device is not None:
            self._device.acquire()
        try:
            self._source.open()
        except LiveError as error:
            raise DeviceError(str(error)) from error

    def read(self) -> Picture:
        try:
            rgb, packet = self._source.read()
        except LiveError as error:
            raise DeviceError(str(error)) from error
        return Picture(clock.monotonic_ns(), rgb=rgb, packet=packet)

    def disconnect(self) -> None:
        self._source.close()


def make_camera(context: DeviceContext, options: Options) -> PyavCamera:
    """Return the camera that `options` describe. Raises ConfigError.

    `url` is a path, file:, v4l2:/dev/video0, avfoundation:0, rtsp:, http: or https:. `loop` restarts a file at its end.
    `fit` "exact" refuses images of another size, "letterbox" scales them between black bars. `pixel_format` is the only
    format requested from a v4l2 camera. With `verify_certificate` false an https camera may have any certificate.
    """
    url = options.text("url")
    if context.depth:
        raise ConfigError(f"{options.where}.depth", "is true, but `pyav` sends colour; use another kind for depth")
    scheme = split_url(url)[0]
    if scheme not in SCHEMES:
        raise ConfigError(f"{options.where}.url", f"has scheme {scheme!r}; want one of {', '.join(SCHEMES)}")
    forced = options.text("pixel_format", "any", among=("any", *NAMES))
    if forced != "any" and scheme != "v4l2":
        raise ConfigError(f"{options.where}.pixel_format", "applies to v4l2 cameras only; remove it")
    fit = options.text("fit", FITS[0], among=FITS)
    verify = options.flag("verify_certificate", True)
    if not verify and scheme not in ("http", "https"):
        raise ConfigError(f"{options.where}.verify_certificate", "applies to http and https cameras only; remove it")
    loop, pixel_format = options.flag("loop", True), "" if forced == "any" else forced
    return PyavCamera(context, url, loop=loop, fit=fit, pixel_format=pixel_format, verify_certificate=verify)
