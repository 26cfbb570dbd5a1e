"""What cannot be shown, in words.

ViewerError      `status` and `code` say how HTTP answers, the text is for people
├─ BadRequest    400  the question itself is wrong
├─ NotThere      404  no such episode, camera or frame
├─ Gone          410  it was there once: missing, torn or deleted bytes; names the file and the frame
│  └─ Moved      410  the files changed since they were opened; opening again gives the new ones
└─ Busy          503  too much is being read already
"""

from __future__ import annotations


class ViewerError(Exception):
    status = 500
    code = "viewer"


class BadRequest(ViewerError):
    status = 400
    code = "bad_request"


class NotThere(ViewerError):
    status = 404
    code = "not_found"


class Gone(ViewerError):
    status = 410
    code = "unreadable"


class Moved(Gone):
    code = "moved"


class Busy(ViewerError):
    status = 503
    code = "busy"
