"""Nobody is left at an end: a list that is empty, or reviewed, says what to press next."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recorder.models import Dataset, Episode, Rig, Session

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(client: Client) -> Session:
    """A session that nothing was recorded in yet; `client` is olga."""
    client.force_login(get_user_model().objects.create_user("olga"))
    rig = Rig.objects.create(name="arm-1", state="idle", last_seen_at=timezone.now())
    return Session.objects.create(
        rig=rig, dataset=Dataset.objects.create(slug="cups", title="Cups", fps=30), task="Put"
    )


def take(session: Session, **fields: Any) -> Episode:
    given = {"state": "recorded", "ticks": 90, "recorded_at": timezone.now(), "task": session.task}
    return Episode.objects.create(**given, dataset=session.dataset, session=session, rig=session.rig, **fields)


def text(client: Client, url: str) -> str:
    return str(client.get(url).content, "utf-8")


def test_the_review_of_a_session_has_an_end(client: Client, session: Session) -> None:
    take(session, verdict="keep")
    rejected, left = take(session, verdict="reject"), take(session)
    url = f"/episodes/{rejected.pk}/?list=session"
    assert 'id="review-end"' not in text(client, url), "one is left"
    left.verdict = "keep"
    left.save()
    page = text(client, url)
    assert "All takes of the session are reviewed" in page and "Encode 2 kept takes" in page
    assert '<span class="num">2 of 3</span> of the session' in page
    take(session)
    assert 'id="review-end"' not in text(client, url)


@pytest.mark.parametrize("page", ["?view=kept", "?view=committed", "edit/", "history/", "use/"])
def test_an_empty_page_of_a_dataset_leads_to_what_fills_it(client: Client, session: Session, page: str) -> None:
    def led_to(words: str) -> bool:
        _, _, after = text(client, f"/datasets/cups/{page}").partition('id="main"')
        return words in after.partition('class="dataset-tabs"')[2]

    assert led_to(">Record</a>") and not led_to(">Review takes</a>")
    one = take(session)
    assert led_to(">Review takes</a>")
    one.verdict = "keep"
    one.save()
    if page != "?view=kept":  # where it stands now
        assert led_to(">Encode kept takes</a>")
