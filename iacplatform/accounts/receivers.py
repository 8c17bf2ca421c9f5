"""Whoever leaves an organization leaves its teams, however they leave."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver

from iacplatform.accounts.models import Membership, Team


@receiver(post_delete, sender=Membership)
def leave_teams(instance: Membership, **_: Any) -> None:
    """Takes a former member out of the organization's teams."""
    places = Team.members.through.objects.filter(user=instance.user_id)
    places.filter(team__organization=instance.organization_id).delete()
