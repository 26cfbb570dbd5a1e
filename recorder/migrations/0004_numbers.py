"""Give each episode a number in its dataset, by the time of its recording."""

import django.core.validators
from django.db import migrations, models

CHUNK_SIZE = 500


def give_numbers(apps, schema_editor):
    """Number the episodes of each dataset from 1, the oldest first."""
    dataset_model, episode_model = apps.get_model("recorder", "Dataset"), apps.get_model("recorder", "Episode")
    for dataset in dataset_model._base_manager.order_by("pk"):
        rows = episode_model._base_manager.filter(dataset=dataset).order_by("recorded_at", "id").only("id", "number")
        episodes = list(rows)
        for number, episode in enumerate(episodes, 1):
            episode.number = number
        episode_model._base_manager.bulk_update(episodes, ["number"], batch_size=CHUNK_SIZE)
        dataset_model._base_manager.filter(pk=dataset.pk).update(next_number=len(episodes) + 1)


class Migration(migrations.Migration):

    dependencies = [
        ("recorder", "0003_operations_hub_imports_trash"),
    ]

    operations = [
        migrations.AddField(
            "dataset",
            "next_number",
            models.PositiveIntegerField(
                default=1, editable=False, validators=[django.core.validators.MinValueValidator(1)]
            ),
        ),
        migrations.AddField("episode", "number", models.PositiveIntegerField(null=True)),
        migrations.RunPython(give_numbers, migrations.RunPython.noop),
        migrations.AlterField("episode", "number", models.PositiveIntegerField()),
        migrations.AddConstraint(
            "episode", models.UniqueConstraint(fields=["dataset", "number"], name="one_episode_per_number")
        ),
        migrations.AddConstraint(
            "episode",
            models.CheckConstraint(condition=models.Q(number__gte=1), name="numbers_begin_at_1"),
        ),
    ]
