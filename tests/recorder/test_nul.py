"""The character NUL, which PostgreSQL stores nowhere: wherever a person or a program may write it, it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from recorder.api.urls import api
from recorder.models import ApiToken, Dataset, Episode, Rig, Station

NUL = "a\x00b"


@pytest.fixture
def rows(db: None) -> dict[str, str]:
    """What addresses name; the value of each of their parameters."""
    dataset = Dataset.objects.create(slug="pushing", title="Pushing")
    episode = Episode.objects.create(dataset=dataset, task="push", state="recorded", ticks=30)
    Rig.objects.create(name="sim")
    Station.objects.create(name="pc")
    return {"slug": "pushing", "episode_id": str(episode.pk), "name": "sim", "camera": "front"}


def test_a_name_with_a_nul_signs_nobody_in(db: None) -> None:
    User.objects.create_user("olga", password="cubes")
    refused = Client().post(reverse("sign-in"), {"username": "olga\x00", "password": "cubes"})
    assert refused.status_code == 403
    refused = Client().post(reverse("sign-in"), {"username": "olga", "password": "cubes\x00"})
    assert refused.status_code == 403


def test_a_session_with_a_nul_is_none(db: None) -> None:
    """In a cookie, quoted, it may be written as \\000."""
    answer = Client(headers={"cookie": f'{settings.SESSION_COOKIE_NAME}="abcdefgh\\000"'}).get("/")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("sign-in"))


def schema_of(value: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference names."""
    if "$ref" in value:
        return dict(described["components"]["schemas"][value["$ref"].rpartition("/")[2]])
    return value


def with_nul(value: dict[str, Any], described: dict[str, Any], depth: int = 0) -> Iterator[Any]:
    """Values that fit the schema, each with a NUL in another one of its texts."""
    value = schema_of(value, described)
    for other in value.get("anyOf", ()) or value.get("allOf", ()) or value.get("oneOf", ()):
        yield from with_nul(other, described, depth)
    kind = value.get("type")
    if kind == "string" and not {"enum", "const", "format"} & set(value):
        yield NUL
    if depth > 4:
        return
    if kind == "array":
        yield from ([item] for item in with_nul(value.get("items", {}), described, depth + 1))
    if kind == "object":
        properties = value.get("properties", {})
        needed = {name: plain(properties[name], described) for name in value.get("required", ())}
        for name, schema in properties.items():
            yield from ({**needed, name: item} for item in with_nul(schema, described, depth + 1))
        if isinstance(more := value.get("additionalProperties"), dict | bool) and more:
            yield {**needed, NUL: plain(more, described) if isinstance(more, dict) else 1}
            yield {**needed, "a": NUL}


def plain(value: dict[str, Any], described: dict[str, Any]) -> Any:
    """A value that fits the schema, or nearly."""
    value = schema_of(value, described)
    if "default" in value:
        return value["default"]
    if choices := value.get("enum"):
        return choices[0]
    if others := value.get("anyOf", ()) or value.get("allOf", ()) or value.get("oneOf", ()):
        return plain(others[0], described)
    match value.get("type"):
        case "string":
            return "00000000-0000-0000-0000-000000000001" if value.get("format") == "uuid" else "a" * 3
        case "integer" | "number":
            return max(1, value.get("minimum", 1))
        case "boolean":
            return True
        case "array":
            return [plain(value.get("items", {}), described)] * value.get("minItems", 0)
        case _:
            return {name: plain(value["properties"][name], described) for name in value.get("required", ())}


def written() -> list[tuple[str, str, Any, str]]:
    """Every operation with a body, and every body with a NUL somewhere; every parameter of an address with one."""
    described = api.get_openapi_schema()
    found = []
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            for kind, about in content.items():
                if kind == "application/json":
                    found += [(method, path, body, "") for body in with_nul(about["schema"], described)]
            for parameter in said.get("parameters", ()):
                if parameter["in"] == "query":
                    found.append((method, path, None, parameter["name"]))
    return found


def test_no_text_of_the_api_takes_a_nul(rows: dict[str, str], settings: Any, tmp_path: Any) -> None:
    for name in ("SPOOL_DIR", "DATASETS_DIR", "STAGING_DIR"):
        setattr(settings, name, tmp_path / name)
        (tmp_path / name).mkdir()
    token = ApiToken.issue(user_id=User.objects.create_superuser("olga").pk, name="nul")
    client = Client(headers={"authorization": f"Bearer {token}"}, raise_request_exception=False)
    taken = []
    for method, path, body, parameter in written():
        address = re.sub(r"{(\w+)}", lambda name: rows.get(name[1], "sim"), path)
        if "/stations/" in path:
            address = address.replace("/stations/sim", "/stations/pc")
        query = f"?{parameter}=a%00b" if parameter else ""
        data = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        answer = getattr(client, method)(address + query, **data)
        if not 400 <= answer.status_code < 500:
            taken.append((method, path, parameter or body, answer.status_code, answer.content[:200]))
    assert taken == []
