"""The record page hands its scripts what they need of the rig's states."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Rig
from robotdata.rig.states import State, states_for_scripts


@pytest.mark.django_db
def test_the_page_carries_the_states_and_calls_each_by_its_label(client: Client) -> None:
    client.force_login(User.objects.create_user("olga"))
    for state in State:
        able = {"controls": ["record"], "cannot_record": []}
        rig = Rig.objects.create(name=f"rig-{state}", state=state, status=able, last_seen_at="2999-01-01T00:00Z")
        page = client.get(f"/record/{rig.name}/").content.decode()
        script = re.search(r'<script id="rig-states" type="application/json">(.*?)</script>', page)
        assert script is not None and json.loads(script[1]) == states_for_scripts()
        chip = re.search(r'<span class="([^"]*)" id="state">.*?<span data-state-words>([^<]*)</span>', page)
        assert chip is not None and chip[2] == state.label
        assert chip[1].split() == (["chip", f"tone-{state.tone}"] if state.tone else ["chip"])
