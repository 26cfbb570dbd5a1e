"""The page on which people choose their keyboard shortcuts."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from recorder.models import UserKeys
from recorder.views.request import Request

Key = Annotated[str, StringConstraints(min_length=1, max_length=24, pattern=r"^[^\x00]+$")]


class ChosenKeys(BaseModel):
    """A map from default keys to the keys that replace them, each used once."""

    model_config = ConfigDict(extra="forbid")

    keys: dict[Key, Key] = Field(max_length=80)


@require_http_methods(["GET", "POST"])
def keys(request: Request) -> HttpResponse:
    """The page; on POST, store this person's keys from JSON. Answers 422 if they are invalid."""
    if request.method == "GET":
        return render(request, "recorder/keys.html")
    try:
        chosen = ChosenKeys.model_validate_json(request.body).keys
    except ValidationError as error:
        return _refused(f"Invalid shortcuts: {error.errors()[0]['msg']}.")
    if len(set(chosen.values())) != len(chosen):
        return _refused("Two actions share one key: choose another for one of them.")
    UserKeys.objects.update_or_create(user=request.user, defaults={"changed": chosen})
    return JsonResponse({"keys": chosen})


def _refused(message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": "invalid", "message": message}}, status=422)
