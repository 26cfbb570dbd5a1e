"""Errors of the viewer, with the HTTP status and code of their responses. The message is for people.

ViewerError          500  base class
├─ BadRequest        400  the request is invalid
├─ NotFound          404  the episode, camera or frame does not exist
├─ Gone              410  the data is missing, damaged or deleted; the message names the file and the frame
│  └─ FilesChanged   410  the files changed after they were opened; opening the episode again gives the new ones
└─ Busy              503  too many reads are in progress
"""

from __future__ import annotations


class ViewerError(Exception):
    """Base class of the viewer's errors; `status` and `code` are those of the HTTP response."""

    status = 500
    code = "viewer"


class BadRequest(ViewerError):
    """The request is invalid."""

    status = 400
    code = "bad_request"


class NotFound(ViewerError):
    """The episode, camera or frame does not exist."""

    status = 404
    code = "not_found"


class Gone(ViewerError):
    """The data is missing, damaged or deleted."""

    status = 410
    code = "unreadable"


class FilesChanged(Gone):
    """The files changed after they were opened."""

    code = "moved"


class Busy(ViewerError):
    """Too many reads are in progress."""

    status = 503
    code = "busy"
