"""Verbs of the app; views, Celery tasks and admin actions call them."""
