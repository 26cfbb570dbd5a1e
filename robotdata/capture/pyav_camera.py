"""Cameras that FFmpeg opens: a file, V4L2, a network camera."""

from __future__ import annotations

from robotdata.capture import clock
from robotdata.capture.device_lock import DeviceLock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.options import Options
from robotdata.video.live_source import FITS, SCHEMES, LiveError, LiveSource, split_url
from robotdata.video.v4l2_formats import NAMES


class PyavCamera:
    """A LiveSource as a camera. JPEG packets of the source pass through undecoded."""

    def __init__(self, context: DeviceContext, url: str, loop: bool, fit: str, pixel_format: str) -> None:
        size = context.width, context.height
        self._source = LiveSource(url, *size, context.camera_fps, loop=loop, fit=fit, pixel_format=pixel_format)
        scheme, target = split_url(url)
        self._device = DeviceLock(target, url) if scheme == "v4l2" else None

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
    """`url`: a path, file:, v4l2:/dev/video0, rtsp:, http: or https:; `loop` restarts a file at its end.

    `fit` "exact" refuses pictures of another size, "letterbox" scales them between black bars. `pixel_format` is the
    only one to ask a v4l2 camera for.
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
    return PyavCamera(context, url, options.flag("loop", True), fit, "" if forced == "any" else forced)
