"""Folders that cannot be opened may be repaired."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Add the type of operation `rescue`, and the remedy `repair`."""

    dependencies = [("recorder", "0005_encoding_job_log")]
    operations = [
        migrations.AlterField(
            "operation",
            "type",
            models.CharField(
                choices=[
                    ("encode", "batch"),
                    ("edit", "edit"),
                    ("revert", "revert"),
                    ("convert", "conversion"),
                    ("import", "import"),
                    ("copy", "copy"),
                    ("move", "move"),
                    ("split", "split"),
                    ("merge", "merge"),
                    ("duplicate", "duplicate"),
                    ("undo", "undo"),
                    ("repair", "repair"),
                    ("rescue", "repair of a folder"),
                    ("older", "conversion to v2.1"),
                    ("features", "change of features"),
                    ("reorder", "new order"),
                    ("cut", "cut"),
                    ("reencode", "re-encode"),
                    ("drop_frames", "change of fps"),
                    ("to_videos", "change to videos"),
                    ("to_images", "change to images"),
                    ("push", "push"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            "unopened",
            "remedy",
            models.CharField(
                blank=True,
                choices=[("convert", "convert it to v3.0"), ("repair", "make a dataset of what is whole")],
                max_length=12,
            ),
        ),
    ]
