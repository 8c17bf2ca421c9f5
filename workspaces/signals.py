"""The one signal of the core domain."""

from django.dispatch import Signal

# Sent after commit with ``task_id``, ``workspace_id``, ``from_status`` and ``to_status``; receivers only enqueue.
task_transitioned = Signal()
