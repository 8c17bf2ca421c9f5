"""Where a state came from, how many outputs it has, and how long a workspace keeps its states."""

from django.db import migrations, models

KNOWN = ["terraform_apply", "user_upload", "rollback"]


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0004_taskplan_drifted")]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="state_keep_versions",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How many state versions are kept; 0: all; empty: as the platform says",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="state_keep_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How long state versions are kept; 0: for ever; empty: as the platform says",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="stateversion",
            name="output_count",
            field=models.PositiveIntegerField(
                help_text="Root outputs; empty for versions from before they were counted", null=True
            ),
        ),
        migrations.AddField(
            model_name="stateversion",
            name="import_source",
            field=models.CharField(
                choices=[
                    ("terraform_apply", "Written by an apply"),
                    ("user_upload", "Uploaded by a person"),
                    ("rollback", "Taken back from an older version"),
                ],
                default="terraform_apply",
                max_length=20,
            ),
        ),
        migrations.RunSQL(
            "UPDATE workspaces_stateversion SET import_source = 'rollback'"
            " WHERE rollback_from_version IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.AddField(
            model_name="stateversion",
            name="is_imported",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Q(("import_source", "user_upload")),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddField(
            model_name="stateversion",
            name="is_rollback",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Q(("rollback_from_version__isnull", False)),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddConstraint(
            model_name="stateversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("import_source__in", KNOWN)), name="known_state_import_source"
            ),
        ),
    ]
