"""Routes under /media/. `camera` is a feature key; a camera that the episode does not have gives 404."""

from __future__ import annotations

from django.urls import path

from viewer import media_views as views
from viewer.film_views import film, log

app_name = "media"
urlpatterns = [
    path("<uuid:episode_id>/frame/<str:camera>/<str:n>.jpg", views.frame, name="frame"),
    path("<uuid:episode_id>/strip/<str:camera>.jpg", views.strip, name="strip"),
    path("<uuid:episode_id>/signals.bin", views.signals, name="signals"),
    path("<uuid:episode_id>/video/<str:camera>.mp4", views.video, name="video"),
    path("<uuid:episode_id>/film.mp4", film, {"kind": "mp4"}, name="film"),
    path("<uuid:episode_id>/film.gif", film, {"kind": "gif"}, name="film-gif"),
    path("<uuid:episode_id>/log.mcap", log, {"kind": "mcap"}, name="log"),
    path("<uuid:episode_id>/log.rrd", log, {"kind": "rrd"}, name="log-rrd"),
    path("<path:rest>", views.unknown_address),
]
