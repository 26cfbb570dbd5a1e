"""Django's admin: to look, and to help where the pages do not reach. Fates are changed on the pages, by services."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from recorder.models import ApiToken, Change, Dataset, Episode, Job, Operation, Rig, Session


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at: what these rows say is also in folders, and moves by conditional UPDATEs alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Rig)
class RigAdmin(ReadOnly):
    list_display = ["name", "robot_type", "state", "state_since", "host", "last_seen_at"]
    list_filter = ["state"]


@admin.register(Session)
class SessionAdmin(ReadOnly):
    list_display = ["rig", "dataset", "operator", "task", "started_at", "ended_at"]
    list_filter = ["rig", "dataset"]
    list_select_related = ["rig", "dataset"]
    date_hierarchy = "started_at"


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    list_display = ["title", "slug", "fps", "policy", "total_episodes", "total_frames", "revision", "problem"]
    list_filter = ["policy", "fps"]
    search_fields = ["title", "slug"]


class ChangeInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Change
    extra = 0
    can_delete = False
    fields = ["at", "who", "before", "after", "undone_at"]
    readonly_fields = ["at", "who", "before", "after", "undone_at"]
    ordering = ["-id"]


class EpisodeJobInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Job
    extra = 0
    can_delete = False
    fields = ["operation", "camera", "state", "attempt", "frames_done", "frames_total", "error"]
    readonly_fields = ["operation", "camera", "state", "attempt", "frames_done", "frames_total", "error"]


@admin.register(Episode)
class EpisodeAdmin(ReadOnly):
    list_display = ["id", "dataset", "state", "verdict", "task", "ticks", "episode_index", "reviewer", "recorded_at"]
    list_filter = ["state", "verdict", "dataset", "rig"]
    list_select_related = ["dataset"]
    search_fields = ["id", "task", "note", "operator"]
    date_hierarchy = "recorded_at"
    inlines = [EpisodeJobInline, ChangeInline]


class OperationJobInline(EpisodeJobInline):
    fields = ["episode", "camera", "state", "attempt", "frames_done", "frames_total", "error"]
    readonly_fields = ["episode", "camera", "state", "attempt", "frames_done", "frames_total", "error"]


@admin.register(Operation)
class OperationAdmin(ReadOnly):
    list_display = ["id", "dataset", "state", "reason", "started_by", "attempt", "created_at", "finished_at"]
    list_filter = ["state", "dataset"]
    list_select_related = ["dataset"]
    inlines = [OperationJobInline]


@admin.register(Job)
class JobAdmin(ReadOnly):
    list_display = ["id", "operation", "camera", "state", "attempt", "frames_done", "frames_total", "lease_until"]
    list_filter = ["state"]
    list_select_related = ["operation__dataset"]


@admin.register(Change)
class ChangeAdmin(ReadOnly):
    list_display = ["at", "who", "episode", "before", "after", "undone_at"]
    list_filter = ["who"]
    list_select_related = ["episode"]
    date_hierarchy = "at"


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Taken away here; issued where its text can be shown, once."""

    list_display = ["name", "user", "created_at", "last_used_at"]
    fields = ["name", "user", "created_at", "last_used_at"]
    readonly_fields = ["name", "user", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
