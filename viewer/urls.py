"""The viewer's pages. Its pictures are under /media/."""

from __future__ import annotations

from django.urls import path

from viewer import views

app_name = "viewer"
urlpatterns = [
    path("episodes/<uuid:episode_id>/", views.episode, name="episode"),
]
