"""Coming in: a one-use code from the printed URL, or a name and a password. And the health check."""

from __future__ import annotations

import unicodedata
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlencode

from django.contrib.auth import authenticate, get_user_model, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from recorder.models import SignInCode, SignInTries
from recorder.models.access import ensure_operator

TRIES_PER_MINUTE = 10
"""From one address, whatever is tried."""
ACCOUNT_TRIES, ACCOUNT_WAIT_S = 20, 300
"""Passwords for one account, from wherever they come. A sign-in link still opens it."""
TOO_MANY = "Too many attempts from this address or for this account. Wait some minutes, then try again."
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
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(safe_next(request))  # the printed link once more: it was used to come in
    subjects = subjects_of(request, code)
    if not all(SignInTries.allow(subject, most=most, seconds=seconds) for subject, most, seconds in subjects):
        return form(request, TOO_MANY, status=429)
    user = by_code(code) if code else by_password(request)
    if user is None:
        return form(request, refusal(code), status=403)
    for subject, _, _ in subjects:
        SignInTries.forgive(subject)
    login(request, user, backend=PASSWORDS)
    return redirect(safe_next(request))


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Django's own form for its admin would be a second door without our limits: lead to the one that has them."""
    target = request.GET.get("next") or reverse("admin:index")
    return redirect(f"{reverse('sign-in')}?{urlencode({'next': target})}")


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
        return "This sign-in link has been used or has expired. Run `make signin` on the server for a new one."
    return "Wrong name or password."


def subjects_of(request: HttpRequest, code: str) -> list[tuple[str, int, int]]:
    """What this try counts for, how many are allowed, and in how many seconds: its address, and its account."""
    found = [(f"address {network_of(request.META.get('REMOTE_ADDR', ''))}", TRIES_PER_MINUTE, 60)]
    if not code:
        name = unicodedata.normalize("NFKC", request.POST.get("username", "")).casefold()
        found.append((f"account {name}", ACCOUNT_TRIES, ACCOUNT_WAIT_S))
    return found


def network_of(address: str) -> str:
    """The address; of IPv6 its first 64 bits, for a home or a lab has all that follow."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))
    return str(found)


def safe_next(request: HttpRequest) -> str:
    target = request.GET.get("next", "") or request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        return target
    return "/"


def form(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    context = {"problem": problem, "next": request.GET.get("next", "") or request.POST.get("next", "")}
    return render(request, "registration/sign_in.html", context, status=status)
