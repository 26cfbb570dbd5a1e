"""Generated requests against the API's own description: no crash, and no answer that the description lacks.

Each operation gets one request of each kind: a value at a bound, a type that is wrong, a parameter that is missing, an
unknown method ... With ROBOTDATA_THOROUGH=1 (`make thorough`) it gets all that schemathesis knows, seven times as many.
"""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from recorder.api.urls import api
from recorder.models import ApiToken, Dataset, Episode, Rig, Station
from tests.support.sweeps import THOROUGH, at_most

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
SETTINGS = settings(
    max_examples=at_most(6),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> list[tuple[str, str]]:
    """Read from the routers: every process that collects tests asks, and to make the description takes seconds."""
    found = []
    for router in api._get_bound_routers():
        for path, view in router.path_operations.items():
            joined = re.sub(r"/+", "/", f"/api/{router.prefix}/{path}")
            template = re.sub(r"{[^}:]+:", "{", joined)
            found += [(m.lower(), template) for each in view.operations if each.include_in_schema for m in each.methods]
    return found


OPERATIONS = operations()


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(api.get_openapi_schema())


@pytest.fixture(scope="module")
def app() -> Any:
    return get_wsgi_application()


@pytest.fixture
def token(settings: Any, tmp_path: Any) -> Iterator[str]:
    """Somebody's, where there is a rig, a dataset and an episode to be found."""
    for name in ("SPOOL_DIR", "DATASETS_DIR", "STAGING_DIR"):
        setattr(settings, name, tmp_path / name)
        (tmp_path / name).mkdir()
    user = User.objects.create_user("olga")
    Rig.objects.create(name="sim")
    Station.objects.create(name="pc")
    dataset = Dataset.objects.create(slug="pushing", title="Pushing", total_episodes=0)
    Episode.objects.create(pk=uuid.UUID(int=1), dataset=dataset, task="push", state="recorded", ticks=30)
    for signal in (
        request_started,
        request_finished,
    ):  # as Django's own test client does: the test's transaction lives on
        signal.disconnect(close_old_connections)
    yield ApiToken.issue(user_id=user.pk, name="generated")
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_every_operation_is_described(described: dict[str, Any]) -> None:
    paths = described["paths"].items()
    assert sorted(OPERATIONS) == sorted((method, path) for path, said in paths for method in said)


def one_of_each_kind(requests: list[Any], number: int) -> list[Any]:
    """Return one request for each scenario and place of the parameter, for another operation another one."""
    kinds = defaultdict(list)
    for request in requests:
        planned = request.kwargs["case"].meta.phase.data
        place = getattr(planned, "parameter_location", None)
        kinds[type(planned), getattr(planned, "scenario", None), place].append(request)
    return [alike[number % len(alike)] for alike in kinds.values()]


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda said: said)
def test_it_answers_as_it_is_described(method: str, path: str, token: str, described: dict[str, Any], app: Any) -> None:
    """Its requests are made here: `schema.parametrize` makes them, for 8 s, in every process that collects tests."""

    def answers(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

    schema = schemathesis.openapi.from_dict(described).include(method=method.upper(), path=path)
    schema.app = app
    schema.config.analysis.constants.enabled = False  # it would read every module of the product for each operation
    (made,) = get_all_tests(schema=schema, test_func=answers, settings=SETTINGS, given_kwargs={})
    _, test = made.ok()
    planned = test.hypothesis_explicit_examples
    assert len(planned) > 5
    if not THOROUGH:
        planned[:] = one_of_each_kind(planned, OPERATIONS.index((method, path)))
    test()
