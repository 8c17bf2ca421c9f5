"""The start page of the admin, and who runs stages."""

from django.contrib import admin

from executor.admin.worker_host import WorkerHostAdmin

__all__ = ["WorkerHostAdmin"]

admin.site.site_header = "iacplatform"
admin.site.site_title = "iacplatform"
# The lists are wide; every other page is one click away, on the start page.
admin.site.enable_nav_sidebar = False
admin.site.index_title = "Overview"
admin.site.index_template = "admin/executor/start_page.html"
