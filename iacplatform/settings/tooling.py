"""Settings for tools that read the code and connect to nothing: mypy, makemigrations, the OpenAPI file."""

import os

os.environ.setdefault("SECRET_KEY", "tooling-connects-to-nothing-and-signs-nothing")
os.environ.setdefault("ENCRYPTION_KEYS", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
os.environ.setdefault("DATABASE_URL", "postgresql://nobody@nowhere.invalid/none")
os.environ.setdefault("REDIS_URL", "redis://nowhere.invalid")

from iacplatform.settings.base import *  # noqa: F403
from iacplatform.settings.base import DATABASES, INSTALLED_APPS

# Django's own checks would wait for the pool to reach a server.
DATABASES["default"]["OPTIONS"].pop("pool", None)
# So that `manage.py check` looks at the pages, also where no address has been asked for yet.
SIMPLE = "django.contrib.admin.apps.SimpleAdminConfig"
INSTALLED_APPS = ["django.contrib.admin" if app == SIMPLE else app for app in INSTALLED_APPS]
