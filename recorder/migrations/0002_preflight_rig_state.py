"""A rig may be checking itself."""

from __future__ import annotations

from django.db import migrations, models

STATES = ["offline", "connecting", "idle", "checking", "countdown", "recording", "saving", "resetting", "paused", "error"]


class Migration(migrations.Migration):
    """Adds the state `checking` to the choices; no row changes."""

    dependencies = [("recorder", "0001_initial")]
    operations = [
        migrations.AlterField(
            model_name="rig",
            name="state",
            field=models.CharField(
                choices=[(state, state.title()) for state in STATES], default="offline", max_length=12
            ),
        )
    ]
