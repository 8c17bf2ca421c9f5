"""The sequence that fencing tokens come from: each is larger than all before it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE workspaces_claim_token",
            reverse_sql="DROP SEQUENCE workspaces_claim_token",
        ),
    ]
