"""OrderedJSONField: JSON whose objects keep the order of their keys, in either database."""

from __future__ import annotations

import json
from typing import Any

from django.db import models


class OrderedJSONField(models.JSONField):
    """A JSONField for what pages list in its order, such as cameras. Do not look into it in a query.

    PostgreSQL sorts the keys of each object in a jsonb, by their length. There the column holds a JSON string, which
    contains the JSON text. Rows of earlier releases hold an object; it is read as it is.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the value as the driver takes it."""
        if connection.vendor == "postgresql" and value is not None:
            value = json.dumps(value, cls=self.encoder)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Return the value of a column."""
        value = super().from_db_value(value, expression, connection)
        return json.loads(value, cls=self.decoder) if isinstance(value, str) else value

    def deconstruct(self) -> Any:
        """Return it as a JSONField: migrations need not tell them apart, because the column is the same."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs
