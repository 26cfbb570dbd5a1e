"""Routes of the viewer's pages. Frames and videos are under /media/, see `media_urls`."""

from __future__ import annotations

from django.urls import path

from viewer import compare, overview_file, replay_dialog, views

app_name = "viewer"
urlpatterns = [
    path("episodes/<uuid:episode_id>/", views.episode, name="episode"),
    path("episodes/<uuid:episode_id>/compare-head/", compare.compare_head, name="compare-head"),
    path("episodes/<uuid:episode_id>/replay/", replay_dialog.replay_dialog, name="replay"),
    path("datasets/<str:slug>/overview/file/", overview_file.overview_file, name="overview-file"),
    path("compare/", compare.compare, name="compare"),
]
