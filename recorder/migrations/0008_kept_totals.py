"""The database keeps totals of episodes."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add `EpisodeTotal`. Its rows and the triggers that write them come after the last migration."""

    dependencies = [("recorder", "0007_language")]
    operations = [
        migrations.CreateModel(
            name="EpisodeTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("dataset_id", models.BigIntegerField()),
                ("state", models.CharField(max_length=12)),
                ("verdict", models.CharField(max_length=12)),
                ("is_purged", models.BooleanField()),
                ("task", models.CharField(max_length=2000)),
                ("fps", models.FloatField()),
                ("episodes", models.BigIntegerField()),
                ("ticks", models.BigIntegerField()),
                ("is_folded", models.BooleanField(default=False)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["dataset_id", "state", "verdict"], name="totals_of_dataset"),
                    models.Index(condition=models.Q(("is_folded", False)), fields=["id"], name="totals_to_fold"),
                ],
            },
        ),
    ]
