"""How a task is run: pure Python, without Django, Celery, Redis or a database.

A worker of this machine and a remote agent run exactly this code; what differs is the
:class:`~executor.core.accessor.DataAccessor` through which it reads and writes the platform.
"""
