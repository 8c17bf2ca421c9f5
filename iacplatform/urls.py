"""Every address of the web server."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from executor.admin.find import find
from iacplatform.accounts.setup.pages import home, setup_page
from iacplatform.common import converters, health  # noqa: F401  # registers `pk`, `sid` and `ref`
from iacplatform.common.api_errors import api_not_found
from workspaces.pages import task_page, workspace_page

admin.autodiscover()

api: list[URLPattern | URLResolver] = [
    path("auth/", include("iacplatform.accounts.urls")),
    path("", include("iacplatform.accounts.audit.urls")),
    path("", include("iacplatform.accounts.setup.urls")),
    path("", include("iacplatform.accounts.administration.urls")),
    path("", include("iacplatform.common.outbox.urls")),
    path("", include("workspaces.api.urls")),
    path("", include("workspaces.api.log_urls")),
    path("", include("runtasks.api.urls")),
    path("", include("notifications.api.urls")),
    path("", include("triggers.api.urls")),
    path("", include("workspaces.drift.api.urls")),
    path("", include("workspaces.cmdb.api.urls")),
    re_path("", api_not_found),
]
urlpatterns = [
    path("", home, name="home"),
    path("setup", setup_page, name="setup"),
    path("workspaces/<ref:workspace_id>", workspace_page),
    path("workspaces/<ref:workspace_id>/tasks/<pk:task_id>", task_page),
    path("admin/find", admin.site.admin_view(find), name="admin-find"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("health", health.live),
    path("health/live", health.live),
    path("health/ready", health.ready, name="health-ready"),
    path("", include("django_prometheus.urls")),
]
handler400 = "iacplatform.common.api_errors.bad_request"
handler404 = "iacplatform.common.api_errors.page_not_found"
handler500 = "iacplatform.common.api_errors.server_error"
