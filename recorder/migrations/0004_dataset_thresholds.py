from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recorder", "0003_committed_changes")]

    operations = [
        migrations.AddField(
            model_name="dataset",
            name="thresholds",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
