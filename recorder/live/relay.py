"""Relay a rig's feed between web processes over the channel layer, only while it has viewers elsewhere.

A process with viewers of a rig that is connected to another process sends requests to the group `watch.<rig>`; the
process that holds the rig's socket answers on `feed.<rig>`. Without CHANNEL_URL there is one process, and nothing here
runs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings

from recorder.live.hub import CameraRates, Feed, Hub, Viewer
from recorder.live.layer import LAYER_ERRORS, is_readable, layer_message

log = logging.getLogger(__name__)

REQUEST_EVERY_S = 1.0
REQUEST_VALID_S = 3.5
PROCESS = secrets.token_hex(8)


def is_scaled_out() -> bool:
    """Return whether several web processes share a channel layer."""
    return bool(settings.CHANNEL_URL)


def watch_group(rig: str) -> str:
    """Return the group in which processes request the rig's feed."""
    return f"watch.{rig}"


def feed_group(rig: str) -> str:
    """Return the group that receives the rig's feed."""
    return f"feed.{rig}"


class Outbound:
    """Sends the feed of a rig that is connected here to other processes. The hub treats them as one viewer."""

    def __init__(self, hub: Hub, rig: str) -> None:
        self.hub = hub
        self.rig = rig
        self.viewer: Viewer | None = None
        self._requests: dict[str, tuple[CameraRates, float]] = {}
        self._pump: asyncio.Task[None] | None = None

    def record_request(self, process: str, rates: CameraRates) -> None:
        """Record which cameras the viewers of another process watch. Repeated requests keep the feed alive."""
        if process == PROCESS:
            return
        is_new = process not in self._requests
        self._requests[process] = (rates, time.monotonic() + REQUEST_VALID_S)
        if is_new and self.viewer is not None:
            self.hub.join(self.rig, self.viewer)  # sends the last status and the names again
        self._update_watch()

    def _update_watch(self) -> None:
        now = time.monotonic()
        self._requests = {process: request for process, request in self._requests.items() if request[1] > now}
        if not self._requests:
            self.stop()
            return
        if self.viewer is None:
            self.viewer = Viewer()
            self.hub.join(self.rig, self.viewer)
            self._pump = asyncio.get_running_loop().create_task(self._run(self.viewer))
        rates: CameraRates = {}
        for requested, _ in self._requests.values():
            for key, fps in requested.items():
                rates[key] = max(fps, rates.get(key, 0.0))
        if rates != self.viewer.camera_rates:
            self.hub.watch(self.rig, self.viewer, rates)

    def stop(self) -> None:
        """Stop sending, and leave the hub."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self.viewer is not None:
            self.hub.leave(self.rig, self.viewer)
            self.viewer = None

    async def _run(self, viewer: Viewer) -> None:
        layer = get_channel_layer()
        while True:
            message = await viewer.next()
            kind = "feed.frame" if isinstance(message, bytes) else "feed.words"
            try:
                await layer.group_send(feed_group(self.rig), layer_message(kind, rig=self.rig, news=message))
            except LAYER_ERRORS as error:
                log.warning("The channel layer rejects the feed of %s: %s", self.rig, error)
                await asyncio.sleep(1.0)
            self._update_watch()


class Inbound:
    """Requests the feeds of rigs on other processes for the viewers here, and passes them to the hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._task: asyncio.Task[None] | None = None
        self._viewers_changed = asyncio.Event()
        self._groups: set[str] = set()
        hub.on_watch = self._on_watch

    def _on_watch(self, feed: Feed) -> None:
        if feed.on_rates is None:
            self._viewers_changed.set()
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        layer = get_channel_layer()
        channel: str | None = None
        while channel is None:
            try:
                channel = await layer.new_channel("relay.")
            except LAYER_ERRORS as error:
                log.warning("The channel layer (CHANNEL_URL) is unreachable: %s", error)
                await asyncio.sleep(1.0)
        await asyncio.gather(self._listen(layer, channel), self._request_feeds(layer, channel))

    async def _listen(self, layer: Any, channel: str) -> None:
        while True:
            try:
                self._publish(await layer.receive(channel))
            except LAYER_ERRORS as error:
                log.warning("Cannot receive from the channel layer: %s", error)
                await asyncio.sleep(1.0)

    def _publish(self, message: dict[str, Any]) -> None:
        feed = self.hub.feeds.get(str(message.get("rig")))
        if feed is None or feed.on_rates is not None or not is_readable(message):
            return
        news = message["news"]
        if isinstance(news, bytes):
            # Status comes first, but a process that has just joined may receive a frame before it.
            if feed.keys:
                feed.publish_frame(news)
            return
        content = json.loads(news)
        if content["type"] == "status":
            feed.publish_status(content)
        else:
            feed.publish_telemetry(content)

    async def _request_feeds(self, layer: Any, channel: str) -> None:
        while True:
            self._viewers_changed.clear()
            try:
                await self._request_feeds_once(layer, channel)
                await asyncio.wait_for(self._viewers_changed.wait(), REQUEST_EVERY_S)
            except TimeoutError:
                continue
            except LAYER_ERRORS as error:
                log.warning("Cannot request feeds through the channel layer: %s", error)
                await asyncio.sleep(REQUEST_EVERY_S)

    async def _request_feeds_once(self, layer: Any, channel: str) -> None:
        remote = [feed for feed in self.hub.feeds.values() if feed.viewers and feed.on_rates is None]
        groups = {feed_group(feed.name) for feed in remote}
        for group in groups - self._groups:
            await layer.group_add(group, channel)
        for group in self._groups - groups:
            await layer.group_discard(group, channel)
        self._groups = groups
        for feed in remote:
            request = layer_message("rig.watch", process=PROCESS, cameras=feed.camera_rates())
            await layer.group_send(watch_group(feed.name), request)
