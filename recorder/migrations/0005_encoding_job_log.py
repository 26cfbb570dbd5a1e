"""Jobs keep what their worker did, line by line."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add `Job.log`."""

    dependencies = [("recorder", "0004_numbers")]
    operations = [migrations.AddField("job", "log", models.JSONField(blank=True, default=list))]
