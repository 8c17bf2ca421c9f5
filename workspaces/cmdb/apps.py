"""The CMDB: every resource of every workspace, to be searched."""

from django.apps import AppConfig


class CMDBConfig(AppConfig):
    """The CMDB: every resource of every workspace, to be searched."""

    name = "workspaces.cmdb"
    label = "cmdb"
    verbose_name = "CMDB"
    default_auto_field = "django.db.models.BigAutoField"
