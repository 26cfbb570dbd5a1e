"""Takes have subtasks and remarks."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add `Episode.language`."""

    dependencies = [("recorder", "0006_rescue")]
    operations = [migrations.AddField("episode", "language", models.JSONField(blank=True, null=True))]
