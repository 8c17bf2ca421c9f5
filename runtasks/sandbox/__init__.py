"""A run task service to try run tasks with: ``manage.py runtask_sandbox`` (docs/how-to/try-run-tasks.md).

It knows of the platform only what any service knows: the webhook and the callback.
"""
