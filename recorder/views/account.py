"""The page of one's own account: set a password, sign out on every device."""

from __future__ import annotations

import unicodedata

from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from recorder.models import SignInTries
from recorder.models.access import end_sessions
from recorder.views.request import Request
from recorder.views.sign_in import ACCOUNT_TRIES, ACCOUNT_WAIT_S, TOO_MANY_TRIES


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "POST"])
def account(request: Request) -> HttpResponse:
    """The page; on POST, set the password. All other devices of the account are signed out by that."""
    form_type = PasswordChangeForm if request.user.has_usable_password() else SetPasswordForm
    if request.method == "GET":
        return render(request, "registration/account.html", {"form": form_type(request.user)})
    subject = f"password of {unicodedata.normalize('NFKC', request.user.get_username()).casefold()}"
    if not SignInTries.count_try(subject, most=ACCOUNT_TRIES, seconds=ACCOUNT_WAIT_S):
        context = {"form": form_type(request.user), "problem": TOO_MANY_TRIES}
        return render(request, "registration/account.html", context, status=429)
    form: SetPasswordForm[User] = form_type(request.user, request.POST)
    if not form.is_valid():
        return render(request, "registration/account.html", {"form": form}, status=422)
    form.save()
    update_session_auth_hash(request, request.user)
    SignInTries.subtract_try(subject)
    context = {"form": PasswordChangeForm(request.user), "done": True}
    return render(request, "registration/account.html", context)


@require_POST
def sign_out_everywhere(request: Request) -> HttpResponse:
    """End all sessions of the account, this one too."""
    end_sessions(request.user)
    logout(request)
    return redirect("sign-in")
