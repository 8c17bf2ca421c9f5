"""What the API says of an entry of the audit log."""

from rest_framework import serializers

from iacplatform.accounts.audit.models import AuditEntry


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """An entry."""

    organization = serializers.SlugRelatedField[AuditEntry](slug_field="name", read_only=True)
    actor_id = serializers.IntegerField(read_only=True, allow_null=True)
    details = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "actor_id",
            "actor_name",
            "token_hint",
            "via",
            "action",
            "method",
            "path",
            "object_type",
            "object_id",
            "object_name",
            "organization",
            "workspace_id",
            "ip",
            "user_agent",
            "request_id",
            "status",
            "details",
        ]
        read_only_fields = fields
