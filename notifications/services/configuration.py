"""Notifications and their attachments: creating, changing, removing (reference §2.5, §2.6)."""

from typing import Any

from django.db.models.functions import Now

from iacplatform.accounts.levels import OrganizationRole
from iacplatform.accounts.models import User
from iacplatform.accounts.organizations import organization_for, require_role
from iacplatform.common.conflicts import taken
from iacplatform.common.errors import Conflict, InvalidInput, NotFound
from iacplatform.common.outbound import OutboundRefused, check_url
from notifications.models import (
    NotificationConfig,
    NotificationType,
    WorkspaceNotification,
)
from notifications.models.config import SIGNED
from notifications.services.headers import checked_headers, keeps_values, masked_headers
from workspaces.models import Workspace

NAME_TAKEN = "another notification of the organization has this name"
ATTACHED = "the workspace has this notification already"
# Else whoever may type an address could have the values sent to themselves.
NOT_FOR_ANOTHER_ADDRESS = "give the values again: these were meant for the address as it was"


class StillAttached(Conflict):
    """Workspaces use it; ``workspace_count`` says how many."""

    code = "in_use"


def create_notification(
    *, user: User, organization: str | None = None, platform_wide: bool = False, **fields: Any
) -> NotificationConfig:
    """Creates a notification.

    Raises:
        Forbidden: the user does not manage the notifications of its organization, or of all of them.
        InvalidInput: a field does not fit its type, its address is never called, or the user may not
            create it in that organization.
        Conflict: the name is taken.
    """
    owner = None if platform_wide else organization_for(user, organization)
    config = NotificationConfig(organization=owner, created_by=user)
    _assign(config, fields)
    check_administrator(config, user)
    with taken("one_notification_name_an_organization", "name", NAME_TAKEN):
        config.save()
    return config


def update_notification(config: NotificationConfig, *, user: User, **changes: Any) -> None:
    """Changes fields. What waits to be delivered goes to the new address, signed with the new secret.

    Raises as :func:`create_notification`, and ``NotFound`` if the notification was deleted meanwhile.
    """
    check_administrator(config, user)
    if changes.pop("notification_type", config.notification_type) != config.notification_type:
        raise InvalidInput("notification_type", "cannot be changed: create another notification")
    _assign(config, changes)
    check_administrator(config, user)
    stored = {name: getattr(config, name) for name in changes}
    with taken("one_notification_name_an_organization", "name", NAME_TAKEN):
        rows = NotificationConfig.objects.filter(pk=config.pk)
        if not rows.update(**stored, updated_at=Now()):
            raise NotFound("The notification was deleted")
    config.refresh_from_db(fields=["updated_at"])


def delete_notification(config: NotificationConfig, *, user: User) -> None:
    """Removes a notification; the logs of its messages stay, what waits is not delivered any more.

    Raises:
        Forbidden: the user does not manage the notifications of its organization, or of all of them.
        StillAttached: a workspace has an attachment for it.
    """
    check_administrator(config, user)
    count = config.attachments.count()
    if count:
        raise StillAttached(f"{count} workspaces use this notification", workspace_count=count)
    config.delete()


def attach(
    workspace: Workspace, config: NotificationConfig, *, user: User, **fields: Any
) -> WorkspaceNotification:
    """Attaches a notification to a workspace, which replaces its global configuration there.

    Raises:
        InvalidInput: it belongs to another organization.
        Conflict: the workspace has it already.
    """
    if config.organization_id not in {None, workspace.organization_id}:
        raise InvalidInput("notification_id", "belongs to another organization")
    with taken("one_attachment_a_notification", "notification_id", ATTACHED):
        return WorkspaceNotification.objects.create(
            workspace=workspace, notification=config, created_by=user, **fields
        )


def update_attachment(attachment: WorkspaceNotification, **changes: Any) -> None:
    """Changes an attachment."""
    for name, value in changes.items():
        setattr(attachment, name, value)
    attachment.save(update_fields=[*changes, "updated_at"])


def detach(attachment: WorkspaceNotification) -> None:
    """Removes an attachment: the global configuration counts again."""
    attachment.delete()


def check_administrator(config: NotificationConfig, user: User) -> None:
    """Raises ``Forbidden`` unless the user manages the notifications of its organization, or of all of them."""
    require_role(user, config.organization_id, OrganizationRole.NOTIFICATIONS)


def _assign(config: NotificationConfig, fields: dict[str, Any]) -> None:
    """Sets fields and checks that they fit together; an empty text is none.

    What is only shown in part may be sent back as it is shown, and stays as it is.
    """
    if fields.get("endpoint_url") == config.shown_url:
        del fields["endpoint_url"]
    stored = config.custom_headers
    given = fields.get("custom_headers", masked_headers(stored))
    if "endpoint_url" in fields and keeps_values(given, stored):
        raise InvalidInput("custom_headers", NOT_FOR_ANOTHER_ADDRESS)
    if "custom_headers" in fields:
        fields["custom_headers"] = checked_headers(given, stored)
    for name in {"secret", "endpoint_url"} & set(fields):
        fields[name] = fields[name] or None
    for name, value in fields.items():
        setattr(config, name, value)
    _check_address(config)
    _check_extras(config)


def _check_address(config: NotificationConfig) -> None:
    if config.notification_type == NotificationType.EMAIL:
        if config.endpoint_url:
            raise InvalidInput("endpoint_url", "e-mail has recipients and no address to call")
        if not config.recipients:
            raise InvalidInput("recipients", "name at least one")
        return
    if config.recipients:
        raise InvalidInput("recipients", "only e-mail has recipients")
    if not config.endpoint_url:
        raise InvalidInput("endpoint_url", "give the address that is called")
    try:
        check_url(config.endpoint_url)
    except OutboundRefused as error:
        raise InvalidInput("endpoint_url", str(error)) from error


def _check_extras(config: NotificationConfig) -> None:
    if config.secret and config.notification_type not in SIGNED:
        raise InvalidInput("secret", "only webhooks and Lark's messages are signed")
    if config.custom_headers and config.notification_type != NotificationType.WEBHOOK:
        raise InvalidInput("custom_headers", "only webhooks have headers of their own")
