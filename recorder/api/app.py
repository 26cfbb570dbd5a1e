"""NinjaAPI with our authentication, error shape and short operation names."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, RawPostDataException
from django.http.multipartparser import MultiPartParserError
from django.urls import URLPattern, re_path
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from recorder.api.auth import ACCESS, TokenAuth
from recorder.api.docs import Docs
from recorder.errors import Refused, database_message
from recorder.text import NO_NUL

log = logging.getLogger(__name__)

DESCRIPTION = """
Everything that the pages can do. Send `Authorization: Bearer <token>` (`manage.py token NAME` prints one), or call
from a signed-in page with its CSRF token. Every error response has the shape
`{"error": {"code", "message", "detail"?}}`. Lists are paginated: pass `next` as `?after=` to get the next page.
"""
SIGN_IN = "Send `Authorization: Bearer <token>`, or sign in on the page first."
CODES = {400: "bad_request", 401: "sign_in", 403: "forbidden", 404: "not_found", 405: "method", 413: "too_big"}


class Api(NinjaAPI):
    """The API with the error shape and access rules of this product."""

    def __init__(self) -> None:
        super().__init__(title="robotdata", version="1", description=DESCRIPTION, auth=ACCESS, docs=Docs())
        self._described: dict[str, Any] = {}
        self.add_exception_handler(Refused, _refused)
        self.add_exception_handler(ValidationError, _invalid)
        self.add_exception_handler(AuthenticationError, _no_access)
        self.add_exception_handler(HttpError, _http_error)
        self.add_exception_handler(Http404, _missing)
        self.add_exception_handler(RequestDataTooBig, _too_big)
        for odd_body in (MultiPartParserError, RawPostDataException, SuspiciousOperation):  # a form, and a broken one
            self.add_exception_handler(odd_body, _not_json)
        self.add_exception_handler(OperationalError, _busy)
        self.add_exception_handler(Exception, _internal_error)

    def get_openapi_schema(self, **where: Any) -> Any:
        """Return the description of every operation. It is made once: that takes more than a second."""
        key = json.dumps(where, sort_keys=True, default=str)
        if key not in self._described:
            self._described[key] = described = super().get_openapi_schema(**where)
            for methods in described["paths"].values():  # one function serves GET and HEAD, but an id names one of them
                if "head" in methods and "get" in methods:
                    methods["head"] = {**methods["head"], "operationId": f"{methods['head']['operationId']}_head"}
        return self._described[key]

    def get_openapi_operation_id(self, operation: Any) -> str:
        """Return the view's name as the operation's id."""
        return str(operation.view_func.__name__)

    def _get_urls(self) -> list[Any]:
        urls = super()._get_urls()
        operations = {"openapi-json", "openapi-view", "api-root"}
        for pattern in urls:
            if isinstance(pattern, URLPattern) and pattern.name == "openapi-json":
                pattern.callback = _with_error_shape(_for_programs(pattern.callback))
            elif isinstance(pattern, URLPattern) and pattern.name not in operations:
                pattern.callback = _with_error_shape(pattern.callback)
        return [*urls, re_path(r"^(?!$)", _with_error_shape(_unknown_address))]


def _with_error_shape(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code == 405 and isinstance(response, HttpResponseNotAllowed):
            allowed = response.headers["Allow"]
            response = error(405, f"{request.method} is not allowed here; this address accepts {allowed}.")
            response.headers["Allow"] = allowed
        return response

    # The API authenticates requests itself: a program without a session gets 401, not a redirect to the sign-in page.
    wrapper.login_required = False  # type: ignore[attr-defined]
    wrapper.csrf_exempt = True  # type: ignore[attr-defined]  # checked with the session, in SessionAuth
    return wrapper


def _for_programs(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page of somebody who is signed in and a program with a token read what `view` shows."""

    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated and TokenAuth()(request) is None:
            return _no_access(request, None)
        return view(request, *args, **kwargs)

    return wrapper


def _unknown_address(request: HttpRequest) -> HttpResponse:
    return error(404, f"{request.path} does not exist; GET /api/docs lists every address.")


def error(status: int, message: str, code: str = "", detail: dict[str, Any] | None = None) -> HttpResponse:
    """Return an error response: `{"error": {"code", "message", "detail"?}}`."""
    body: dict[str, Any] = {"code": code or CODES.get(status, "error"), "message": message}
    if detail:
        body["detail"] = detail
    return HttpResponse(json.dumps({"error": body}), status=status, content_type="application/json")


def _refused(request: HttpRequest, problem: Any) -> HttpResponse:
    return error(problem.status, problem.message, problem.code, problem.detail)


def _invalid(request: HttpRequest, problem: Any) -> HttpResponse:
    fields = [{"where": ".".join(str(name) for name in entry["loc"]), "what": entry["msg"]} for entry in problem.errors]
    listed = "; ".join(f"{_field_name(entry)}: {_problem_of(entry)}" for entry in problem.errors[:5])
    return error(422, f"The request is invalid: {listed}.", "invalid", {"fields": fields[:50]})


def _field_name(entry: Mapping[str, Any]) -> str:
    """Return the field as the caller wrote it: without the name that our function gives the body."""
    place, *names = [str(name) for name in entry["loc"]]
    return ".".join(names[1:] if place == "body" and names else names) or place


def _problem_of(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "string_pattern_mismatch" and entry.get("ctx", {}).get("pattern") == NO_NUL:
        return "It has a NUL character; remove it"
    return str(entry["msg"])


def _no_access(request: HttpRequest, problem: Any) -> HttpResponse:
    response = error(401, SIGN_IN)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _http_error(request: HttpRequest, problem: Any) -> HttpResponse:
    if problem.status_code == 400:  # the framework raises it for nothing else, and keeps the parser's reason to itself
        return _not_json(request, problem)
    return error(problem.status_code, str(problem))


def _not_json(request: HttpRequest, problem: Any) -> HttpResponse:
    return error(400, "The request's body is not JSON in UTF-8: send one object, and nothing deeply nested.")


def _missing(request: HttpRequest, problem: Any) -> HttpResponse:
    return error(404, "This address does not exist.")


def _too_big(request: HttpRequest, problem: Any) -> HttpResponse:
    return error(413, "The request is too large; send less at a time.")


def _busy(request: HttpRequest, problem: Any) -> HttpResponse:
    log.warning("%s %s: %s", request.method, request.path, problem)
    return error(503, database_message(problem), "busy")


def _internal_error(request: HttpRequest, problem: Any) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=problem)
    return error(500, "Internal error; see the server's log. Nothing else was changed.", "mistake")
