"""Keeps a plan's output changes, and lets a workspace be deleted with all that is in it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_claim_token")]

    operations = [
        migrations.AddField(
            model_name="taskplan",
            name="output_changes",
            field=models.JSONField(
                default=list,
                help_text="Outputs whose value changes; the values of sensitive ones are null",
            ),
        ),
        migrations.AlterField(
            model_name="tasksnapshot",
            name="configuration_version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="workspaces.configurationversion",
            ),
        ),
        migrations.AlterField(
            model_name="workspaceresource",
            name="current_version",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="workspaces.resourcecodeversion",
            ),
        ),
    ]
