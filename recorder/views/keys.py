"""The page on which people choose their keyboard shortcuts."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpResponse, JsonResponse, RawPostDataException
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from recorder.models import UserKeys
from recorder.models.keys import RecordKeys
from recorder.views.request import Request

Key = Annotated[str, StringConstraints(min_length=1, max_length=24, pattern=r"^[^\x00]+$")]


class ChosenKeys(BaseModel):
    """A map from default keys to the keys that replace them, each used once, and keys of the record page, or one."""

    model_config = ConfigDict(extra="forbid")

    keys: dict[Key, Key] | None = Field(default=None, max_length=80)
    record: RecordKeys | None = None


@require_http_methods(["GET", "POST"])
def keys(request: Request) -> HttpResponse:
    """The page; on POST, store what is given of this person's keys. Answers 422 if they are invalid."""
    if request.method == "GET":
        return render(request, "recorder/keys.html", {"record_keys": UserKeys.record_of(request.user)})
    try:
        chosen = ChosenKeys.model_validate_json(request.body)
    except RawPostDataException:
        return _refused("Invalid shortcuts: send them as JSON, not as a form.")
    except ValidationError as error:
        return _refused(f"Invalid shortcuts: {error.errors()[0]['msg']}.")
    if chosen.keys and len(set(chosen.keys.values())) != len(chosen.keys):
        return _refused("Two actions share one key: choose another for one of them.")
    given = {"changed": chosen.keys, "record": chosen.record}
    fields = {name: value for name, value in given.items() if value is not None}
    row, _ = UserKeys.objects.update_or_create(user=request.user, defaults=fields)
    return JsonResponse({"keys": row.changed, "record": row.record})


def _refused(message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": "invalid", "message": message}}, status=422)
