"""Coming in: a one-use code from the printed URL, or a name and a password. And the health check."""

from __future__ import annotations

from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from recorder.embedded import ensure_operator
from recorder.models import SignInCode

TRIES_PER_MINUTE = 10
PASSWORDS = "django.contrib.auth.backends.ModelBackend"


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """A code in the URL is spent at once and leaves the address bar; otherwise the form."""
    given = request.POST if request.method == "POST" else request.GET
    code = given.get("code", "")
    if request.method == "GET" and not code:
        return form(request)
    if too_many_tries(request):
        return form(request, "Too many tries from this address. Wait a minute, then try again.", status=429)
    user = by_code(code) if code else by_password(request)
    if user is None:
        return form(request, refusal(code), status=403)
    login(request, user, backend=PASSWORDS)
    return redirect(safe_next(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 where the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


def by_code(code: str) -> User | None:
    if not SignInCode.redeem(code):
        return None
    return get_user_model()._default_manager.get(username=ensure_operator())


def by_password(request: HttpRequest) -> User | None:
    return authenticate(request, username=request.POST.get("username", ""), password=request.POST.get("password", ""))


def refusal(code: str) -> str:
    if code:
        return (
            "This sign-in link was used already or has run out. "
            "`make signin` prints a new one on the machine that runs robotdata."
        )
    return "The name or the password is not right."


def too_many_tries(request: HttpRequest) -> bool:
    key = f"sign-in:{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > TRIES_PER_MINUTE
    except ValueError:  # ran out between the two lines
        return False


def safe_next(request: HttpRequest) -> str:
    target = request.GET.get("next", "") or request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        return target
    return "/"


def form(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    context = {"problem": problem, "next": request.GET.get("next", "")}
    return render(request, "registration/sign_in.html", context, status=status)
