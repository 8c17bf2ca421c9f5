"""The literals of outputs are encrypted, like variables; a setting that nothing read is gone."""

from django.db import migrations

import iacplatform.common.fields


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_long_addresses")]

    operations = [
        migrations.RemoveField(model_name="workspace", name="show_unchanged_resources"),
        # A column of text or jsonb cannot become one of sealed bytes: clear text is dropped with it.
        migrations.RemoveField(model_name="tasksnapshot", name="outputs"),
        migrations.AddField(
            model_name="tasksnapshot",
            name="outputs",
            field=iacplatform.common.fields.EncryptedJSONField(null=True),
        ),
        migrations.RemoveField(model_name="workspaceoutput", name="output_value"),
        migrations.AddField(
            model_name="workspaceoutput",
            name="output_value",
            field=iacplatform.common.fields.EncryptedTextField(
                default="",
                help_text="An expression such as ${module.x.y}, or a literal, which may be a secret",
            ),
            preserve_default=False,
        ),
    ]
