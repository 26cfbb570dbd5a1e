"""Somebody who is signed in at the running product without a browser: fills it before pages look at it."""

from __future__ import annotations

import json
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

PATIENCE_S = 60


class Api:
    """The product's API, asked by whoever followed this sign-in link."""

    def __init__(self, url: str, link: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies), ProxyHandler({}))
        self.opener.open(link, timeout=PATIENCE_S).close()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of its answer; raises AssertionError with the answer's words where it refuses."""
        token = next(cookie.value for cookie in self.cookies if "csrf" in cookie.name) or ""
        headers = {"X-CSRFToken": token, "Accept": "application/json", "Content-Type": "application/json"}
        data = None if method == "GET" else json.dumps(body or {}).encode()
        asked = Request(self.url + path, data, headers, method=method)
        try:
            with self.opener.open(asked, timeout=PATIENCE_S) as answer:
                said = answer.read()
        except HTTPError as refusal:
            raise AssertionError(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from refusal
        return json.loads(said) if said else None

    def state(self) -> dict[str, Any]:
        """Return the cookies as Playwright's storage state."""
        return {"cookies": [self.cookie(each) for each in self.cookies], "origins": []}

    @staticmethod
    def cookie(each: Any) -> dict[str, Any]:
        own = {"name": each.name, "value": each.value, "domain": each.domain, "path": each.path}
        rest = {"expires": each.expires or -1, "httpOnly": each.has_nonstandard_attr("HttpOnly"), "secure": each.secure}
        return own | rest | {"sameSite": "Lax"}
