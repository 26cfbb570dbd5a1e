from django.db import migrations, models

from robotdata.quality.mark import score


def weigh(apps, schema_editor):
    """What the marks of those that are here weigh."""
    episodes = apps.get_model("recorder", "Episode").objects.exclude(marks=[]).only("pk", "marks")
    some = []
    for episode in episodes.order_by().iterator(chunk_size=500):
        episode.marks_weight = score(episode.marks)
        some.append(episode)
    episodes.bulk_update(some, ["marks_weight"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("recorder", "0004_dataset_thresholds")]

    operations = [
        migrations.AddField(
            model_name="episode",
            name="marks_weight",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(fields=["dataset", "-marks_weight", "-recorded_at"], name="worst_first"),
        ),
        migrations.RunPython(weigh, migrations.RunPython.noop),
    ]
