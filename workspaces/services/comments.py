"""Comments: what people say of a task, and what they did to it."""

from django.db import transaction

from iacplatform.accounts.models import User
from iacplatform.common.errors import InvalidInput
from workspaces.models import CommentAction, TaskComment, WorkspaceTask

MAX_COMMENTS = 20


def add_comment(task: WorkspaceTask, *, user: User, comment: str) -> TaskComment:
    """Adds a comment; raises :class:`InvalidInput` when the task has :data:`MAX_COMMENTS`."""
    if not comment.strip():
        raise InvalidInput("comment", "must not be empty")
    with transaction.atomic():
        WorkspaceTask.objects.select_for_update(of=("self",), no_key=True).get(pk=task.pk)
        if task.comments.count() >= MAX_COMMENTS:
            raise InvalidInput("comment", f"a task has at most {MAX_COMMENTS} comments")
        return write_comment(task, user, comment, CommentAction.COMMENT)


def write_comment(task: WorkspaceTask, user: User, text: str, action: CommentAction) -> TaskComment:
    """Writes down what somebody did, however many comments there are."""
    return TaskComment.objects.create(
        task=task, user=user, username=user.get_username(), comment=text, action_type=action
    )
