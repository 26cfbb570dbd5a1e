"""Read one row by its primary key with SQL that Django makes once, for what every request asks.

Django builds the SQL of `.get(pk=...)` each time, which takes several times as long as SQLite takes to answer; a
request for a frame asks three times: for its session, its user and its episode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class _Statement:
    """SQL with one parameter, and how to convert its columns: position, functions, expression."""

    sql: str
    key: Any
    """The field of the primary key, which converts the parameter."""
    converters: Sequence[tuple[int, Sequence[Callable[..., Any]], Any]]


class OneRow(Generic[M]):
    """Reads the row with a given primary key as an instance of `model`, and columns of related rows.

    `fields` are the model's fields to read, all if None; `related` names columns like `dataset__slug`. `model` is a
    function because models are not loaded yet while modules are imported.
    """

    def __init__(
        self, model: Callable[[], type[M]], fields: Collection[str] | None = None, related: Sequence[str] = ()
    ) -> None:
        self._model = model
        self._fields = fields
        self._related = related
        self._statement: _Statement | None = None
        self._own: list[str] = []
        """The fields to read, in the order that `Model.from_db` wants."""

    def get(self, key: Any) -> tuple[M, *tuple[Any, ...]] | None:
        """Return the instance, then the values of `related`; None if there is no such row.

        Raises ValueError for a malformed key.
        """
        values = self.values(key)
        if values is None:
            return None
        count = len(self._own)
        return self._model().from_db(DEFAULT_DB_ALIAS, self._own, values[:count]), *values[count:]

    def values(self, key: Any) -> list[Any] | None:
        """Return the values of the fields, in the model's order, then of `related`. Otherwise as `get`, but cheaper."""
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
        return values

    def _make(self, key: Any) -> _Statement:
        model = self._model()
        names = [field.attname for field in model._meta.concrete_fields]
        self._own = names if self._fields is None else [name for name in names if name in self._fields]
        rows = model._base_manager.filter(pk=key).values_list(*self._own, *self._related)
        compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        if len(parameters) != 1:
            raise TypeError(f"{sql} has {len(parameters)} parameters, want only the key")
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        found = [(position, functions, column) for position, (functions, column) in converters.items()]
        self._statement = _Statement(sql, model._meta.pk, found)
        return self._statement
