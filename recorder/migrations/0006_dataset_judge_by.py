from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("recorder", "0005_marks_weight")]

    operations = [
        migrations.AddField(model_name="dataset", name="judge_by", field=models.DateTimeField(blank=True, null=True)),
    ]
