"""The page that makes a phone or laptop a rig's camera, and the link that pairs one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from recorder.errors import Refused
from recorder.live.camera_pairing import find_camera, is_paired, redeem_link
from recorder.views.request import Request


@login_not_required
@require_GET
def camera(request: Request, name: str, camera: str) -> HttpResponse:
    """The camera page, for people who are signed in and for a browser that is paired with this camera."""
    if not request.user.is_authenticated and not is_paired(request.session, name, camera):
        return redirect_to_login(request.get_full_path())
    try:
        rig, found = find_camera(name, camera)
    except Refused as refusal:
        return render(request, "recorder/camera_refused.html", {"message": refusal.message}, status=refusal.status)
    return render(request, "recorder/camera.html", {"rig": rig, "camera": found})


@login_not_required
@require_GET
def camera_join(request: Request, name: str, camera: str) -> HttpResponse:
    """Redeem a one-use link: this browser may then send the frames of this camera, and nothing else."""
    if not redeem_link(request.GET.get("code", ""), name, camera, request.session):
        message = "This link has been used or has expired. Scan the code on the record page again."
        return render(request, "recorder/camera_refused.html", {"message": message}, status=403)
    return redirect("recorder:camera", name, camera)
