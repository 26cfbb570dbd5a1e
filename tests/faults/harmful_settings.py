"""The product's settings, with one that the test adds: HARM=NAME=VALUE."""

from __future__ import annotations

import os

from robotdata.settings import *  # noqa: F403 - that is what such a file does

if harm := os.environ.get("HARM"):
    globals()[harm.partition("=")[0]] = int(harm.partition("=")[2])
