"""Django's admin, to inspect rows. Changes are made on the pages, by services."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from recorder.models import ApiToken, Change, Dataset, Episode, Job, Operation, Rig, Session, Station


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only, because rows agree with folders and change only by conditional UPDATEs."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse to add rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse to change rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse to delete rows."""
        return False


@admin.register(Rig)
class RigAdmin(ReadOnly):
    """Rigs, read-only."""

    list_display = ["name", "robot_type", "state", "state_since", "host", "last_seen_at"]
    list_filter = ["state"]


@admin.register(Station)
class StationAdmin(ReadOnly):
    """Stations, read-only."""

    list_display = ["name", "online", "online_since", "folder", "software", "last_seen_at"]


@admin.register(Session)
class SessionAdmin(ReadOnly):
    """Sessions, read-only."""

    list_display = ["rig", "dataset", "operator", "task", "started_at", "ended_at"]
    list_filter = ["rig", "dataset"]
    list_select_related = ["rig", "dataset"]
    date_hierarchy = "started_at"


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    """Datasets, read-only."""

    list_display = ["title", "slug", "fps", "policy", "total_episodes", "total_frames", "revision", "problem"]
    list_filter = ["policy", "fps"]
    search_fields = ["title", "slug"]


class ChangeInline(admin.TabularInline):  # type: ignore[type-arg]
    """The changes of an episode, on its page."""

    model = Change
    extra = 0
    can_delete = False
    fields = ["at", "who", "before", "after", "undone_at"]
    readonly_fields = ["at", "who", "before", "after", "undone_at"]
    ordering = ["-id"]


class EpisodeJobInline(admin.TabularInline):  # type: ignore[type-arg]
    """The jobs of an episode, on its page."""

    model = Job
    extra = 0
    can_delete = False
    fields = ["operation", "camera", "state", "attempt", "frames_done", "frames_total", "error"]
    readonly_fields = ["operation", "camera", "state", "attempt", "frames_done", "frames_total", "error"]


@admin.register(Episode)
class EpisodeAdmin(ReadOnly):
    """Episodes, read-only."""

    list_display = [
        "id",
        "dataset",
        "number",
        "state",
        "verdict",
        "task",
        "ticks",
        "episode_index",
        "reviewer",
        "recorded_at",
    ]
    list_filter = ["state", "verdict", "dataset", "rig"]
    list_select_related = ["dataset"]
    search_fields = ["id", "task", "note", "operator"]
    date_hierarchy = "recorded_at"
    inlines = [EpisodeJobInline, ChangeInline]


class OperationJobInline(EpisodeJobInline):
    """The jobs of an operation, on its page."""

    fields = ["episode", "camera", "state", "attempt", "frames_done", "frames_total", "error"]
    readonly_fields = ["episode", "camera", "state", "attempt", "frames_done", "frames_total", "error"]


@admin.register(Operation)
class OperationAdmin(ReadOnly):
    """Operations, read-only."""

    list_display = ["id", "dataset", "state", "reason", "started_by", "attempt", "created_at", "finished_at"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset"]
    inlines = [OperationJobInline]


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs, read-only."""

    list_display = ["id", "operation", "camera", "state", "attempt", "frames_done", "frames_total", "lease_until"]
    list_filter = ["state"]
    list_select_related = ["operation__dataset"]


@admin.register(Change)
class ChangeAdmin(ReadOnly):
    """Changes of episodes, read-only."""

    list_display = ["at", "who", "episode", "before", "after", "undone_at"]
    list_filter = ["who"]
    list_select_related = ["episode"]
    date_hierarchy = "at"


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tokens, which can only be deleted here; `manage.py token` creates them, because their text is shown once."""

    list_display = ["name", "user", "created_at", "last_used_at"]
    fields = ["name", "user", "created_at", "last_used_at"]
    readonly_fields = ["name", "user", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse to add tokens."""
        return False
