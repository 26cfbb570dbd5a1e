"""The triggers that keep totals of episodes (`recorder.models.totals`), in SQL for SQLite and PostgreSQL."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

EPISODES, TOTALS = "recorder_episode", "recorder_episodetotal"
_NAMES = ("recorder_total_insert", "recorder_total_delete", "recorder_total_update")
_FUNCTION = "recorder_keep_totals"
_COUNTED = ("dataset_id", "state", "verdict", "task", "fps", "ticks", "trim_first", "trim_end")
"""The columns whose change changes a total, with whether `purged_at` is null."""


def has_triggers(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the table of episodes has all of the triggers."""
    if connection.vendor == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled <> 'D'"
    with connection.cursor() as cursor:
        cursor.execute(query, [EPISODES])
        return set(_NAMES) <= {name for (name,) in cursor.fetchall()}


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers, where the table of episodes and they exist."""
    if EPISODES not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        for statement in _drops(connection.vendor):
            cursor.execute(statement)


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers, in place of older ones. Until the transaction ends nobody else writes episodes."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {EPISODES} IN SHARE ROW EXCLUSIVE MODE")
        for statement in _sqlite() if connection.vendor == "sqlite" else _postgresql():
            cursor.execute(statement)


def _note(row: str, sign: str) -> str:
    """Return the statement that adds the row `NEW` to the totals, or takes `OLD` away."""
    return (
        f"INSERT INTO {TOTALS} (dataset_id, state, verdict, is_purged, task, fps, episodes, ticks, is_folded) VALUES"
        f" ({row}.dataset_id, {row}.state, {row}.verdict, {row}.purged_at IS NOT NULL, {row}.task, {row}.fps,"
        f" {sign}1, {sign}(COALESCE({row}.trim_end, {row}.ticks) - COALESCE({row}.trim_first, 0)), FALSE);"
    )


def _changed(differs: str) -> str:
    pairs = [f"OLD.{name} {differs} NEW.{name}" for name in _COUNTED]
    return " OR ".join([*pairs, "(OLD.purged_at IS NULL) <> (NEW.purged_at IS NULL)"])


def _drops(vendor: str) -> list[str]:
    of_table = f" ON {EPISODES}" if vendor == "postgresql" else ""
    return [f"DROP TRIGGER IF EXISTS {name}{of_table}" for name in _NAMES]


def _sqlite() -> list[str]:
    more, less = _note("NEW", ""), _note("OLD", "-")
    insert, delete, update = _NAMES
    return [
        *_drops("sqlite"),
        f"CREATE TRIGGER {insert} AFTER INSERT ON {EPISODES} BEGIN {more} END",
        f"CREATE TRIGGER {delete} AFTER DELETE ON {EPISODES} BEGIN {less} END",
        f"CREATE TRIGGER {update} AFTER UPDATE ON {EPISODES} WHEN {_changed('IS NOT')} BEGIN {less} {more} END",
    ]


def _postgresql() -> list[str]:
    more, less = _note("NEW", ""), _note("OLD", "-")
    insert, delete, update = _NAMES
    body = f"IF TG_OP <> 'INSERT' THEN {less} END IF; IF TG_OP <> 'DELETE' THEN {more} END IF; RETURN NULL;"
    each = f"FOR EACH ROW EXECUTE FUNCTION {_FUNCTION}()"
    changed = f"FOR EACH ROW WHEN ({_changed('IS DISTINCT FROM')}) EXECUTE FUNCTION {_FUNCTION}()"
    return [
        *_drops("postgresql"),
        f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER {insert} AFTER INSERT ON {EPISODES} {each}",
        f"CREATE TRIGGER {delete} AFTER DELETE ON {EPISODES} {each}",
        f"CREATE TRIGGER {update} AFTER UPDATE ON {EPISODES} {changed}",
    ]
