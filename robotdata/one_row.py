"""Read one row by its primary key with SQL that Django makes once, for what every request asks.

Django builds the SQL of `.get(pk=...)` each time, which takes several times as long as SQLite takes to answer; a
request for a frame asks three times: for its session, its user and its episode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model


@dataclass(frozen=True, slots=True)
class _Statement:
    """SQL with one parameter, and how to convert its columns: position, functions, expression."""

    sql: str
    key: Any
    """The field of the primary key, which converts the parameter."""
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]


class OneRow:
    """Reads `columns` of the row with a given primary key. `dataset__slug` is a column of a related row.

    `model` and `columns` are functions because models are not loaded yet while modules are imported.
    """

    def __init__(self, model: Callable[[], type[Model]], columns: Callable[[], Sequence[str]]) -> None:
        self._model = model
        self._columns = columns
        self._statement: _Statement | None = None

    def get(self, key: Any) -> tuple[Any, ...] | None:
        """Return the values of the columns; None if there is no such row. Raises ValueError for a malformed key."""
        statement = self._statement or self._make(key)
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, [statement.key.get_db_prep_value(key, connection)])
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for position, functions, expression in statement.converters:
            for function in functions:
                values[position] = function(values[position], expression, connection)
        return tuple(values)

    def _make(self, key: Any) -> _Statement:
        model = self._model()
        compiler = model._base_manager.filter(pk=key).values_list(*self._columns()).query.get_compiler("default")
        sql, parameters = compiler.as_sql()
        if len(parameters) != 1:
            raise TypeError(f"{sql} has {len(parameters)} parameters, want only the key")
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        found = [(position, functions, column) for position, (functions, column) in converters.items()]
        self._statement = _Statement(sql, model._meta.pk, found)
        return self._statement
