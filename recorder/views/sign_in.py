"""Sign-in: a one-use code from the printed URL, or a name and a password. Also the health check."""

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
"""Tries from one address, of any kind."""
ACCOUNT_TRIES, ACCOUNT_WAIT_S = 20, 300
"""Password tries for one account from any address. A sign-in link still works."""
TOO_MANY_TRIES = "Too many attempts from this address or for this account. Wait some minutes, then try again."
PASSWORD_BACKEND = "robotdata.sessions.UserBackend"


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; a code in the URL is redeemed at once and removed from the address bar."""
    query = request.POST if request.method == "POST" else request.GET
    code = query.get("code", "")
    if request.method == "GET" and not code:
        return render_form(request)
    if request.method == "GET" and request.user.is_authenticated:
        return redirect(safe_next(request))  # the printed link was opened again after it was used
    subjects = subjects_of(request, code)
    if not all(SignInTries.count_try(subject, most=most, seconds=seconds) for subject, most, seconds in subjects):
        return render_form(request, TOO_MANY_TRIES, status=429)
    user = user_by_code(code) if code else user_by_password(request)
    if user is None:
        return render_form(request, refusal_message(code), status=403)
    for subject, _, _ in subjects:
        SignInTries.subtract_try(subject)
    login(request, user, backend=PASSWORD_BACKEND)
    return redirect(safe_next(request))


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the product's sign-in, because the form of Django's admin does not limit tries."""
    target = request.GET.get("next") or reverse("admin:index")
    return redirect(f"{reverse('sign-in')}?{urlencode({'next': target})}")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    logout(request)
    return redirect("sign-in")


@login_not_required
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


def user_by_code(code: str) -> User | None:
    """Redeem a code and return the operator's account; None if the code is invalid."""
    if not SignInCode.redeem(code):
        return None
    return get_user_model()._default_manager.get(username=ensure_operator())


def user_by_password(request: HttpRequest) -> User | None:
    """Return the user with this name and password; None if they are wrong."""
    name = request.POST.get("username", "")
    if "\x00" in name:  # PostgreSQL cannot even look for it
        return None
    return authenticate(request, username=name, password=request.POST.get("password", ""))


def refusal_message(code: str) -> str:
    """Return the message about a failed sign-in."""
    if code:
        return "This sign-in link has been used or has expired. Run `make signin` on the server for a new one."
    return "Wrong name or password."


def subjects_of(request: HttpRequest, code: str) -> list[tuple[str, int, int]]:
    """Return (subject, allowed tries, seconds) for the request's address and, for a password, its account."""
    subjects = [(f"address {network_of(request.META.get('REMOTE_ADDR', ''))}", TRIES_PER_MINUTE, 60)]
    if not code:
        name = unicodedata.normalize("NFKC", request.POST.get("username", "")).casefold()
        subjects.append((f"account {name}", ACCOUNT_TRIES, ACCOUNT_WAIT_S))
    return subjects


def network_of(address: str) -> str:
    """Return the address; of IPv6 only the first 64 bits, because one network owns the rest."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def safe_next(request: HttpRequest) -> str:
    """Return the path to continue at; "/" if it is missing or leads to another host."""
    target = request.GET.get("next", "") or request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        return target
    return "/"


def render_form(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    """Return the sign-in form, with a message about the problem if there is one."""
    context = {"problem": problem, "next": request.GET.get("next", "") or request.POST.get("next", "")}
    return render(request, "registration/sign_in.html", context, status=status)
