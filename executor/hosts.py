"""Worker hosts as an operator has them: those that are gone for good can be forgotten."""

from django.db import transaction
from django.utils import timezone

from executor.models import WorkerHost, fresh
from iacplatform.common.errors import Conflict
from workspaces.models import TaskStage
from workspaces.task_status import StageStatus


@transaction.atomic
def forget_host(host: WorkerHost) -> None:
    """Deletes the row of a host that is gone; one that comes back makes its row anew.

    Raises ``Conflict`` for one that still beats, or has a claim that nobody has taken over yet.
    """
    current = WorkerHost.objects.select_for_update().filter(pk=host.pk).first()
    if current is None:
        return
    if timezone.now() - current.last_seen <= fresh():
        raise Conflict(f"{host} takes work or drains: stop its worker first")
    if TaskStage.objects.filter(status=StageStatus.RUNNING, owner=host.pk).exists():
        raise Conflict(f"{host} still has claims: they are taken over within a minute")
    current.delete()
