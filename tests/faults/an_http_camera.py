"""A camera that is a program: JPEG after JPEG over HTTP, each with its number. `... PORT WIDTH HEIGHT FPS`

SIGUSR1: from now on the same picture again and again, SIGUSR2: one flat colour; the second of either ends it.
"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import signal
import sys
import time

import numpy as np

from robotdata.video.barcode import Barcode, draw
from robotdata.video.jpeg import encode_jpeg

PORT, WIDTH, HEIGHT, FPS = map(int, sys.argv[1:])
NUMBERS = itertools.count()
odd: set[int] = set()


def jpeg(number: int) -> bytes:
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    if signal.SIGUSR2 in odd:
        picture[:] = 90 + number % 9  # not the same one: that is another fault
        return encode_jpeg(picture)
    picture[:, :, 0] = number % 200
    draw(picture, Barcode(number, 1, 0))
    return encode_jpeg(picture)


class Camera(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        self.end_headers()
        data = jpeg(0)
        with contextlib.suppress(OSError):
            while True:
                number = next(NUMBERS) % 65_536
                data = data if signal.SIGUSR1 in odd else jpeg(number)
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
                self.wfile.write(data + b"\r\n")
                time.sleep(1 / FPS)

    def log_message(self, *_: object) -> None:
        pass


for each in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(each, lambda number, frame: odd.symmetric_difference_update({number}))
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Camera).serve_forever()
