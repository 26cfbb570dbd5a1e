"""A camera that is a program: JPEG after JPEG over HTTP, each with its number. `... PORT WIDTH HEIGHT FPS`"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import sys
import time

import numpy as np

from robotdata.video.barcode import Barcode, draw
from robotdata.video.jpeg import encode_jpeg

PORT, WIDTH, HEIGHT, FPS = map(int, sys.argv[1:])
NUMBERS = itertools.count()


class Camera(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
                number = next(NUMBERS) % 4000
                picture[:, :, 0] = number % 200
                draw(picture, Barcode(number, 1, 0))
                data = encode_jpeg(picture)
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
                self.wfile.write(data + b"\r\n")
                time.sleep(1 / FPS)

    def log_message(self, *_: object) -> None:
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Camera).serve_forever()
