"""WebSocket addresses."""

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from iacplatform.common import converters  # noqa: F401  # registers `pk`
from workspaces.consumers import TaskOutputConsumer

websocket_urlpatterns = [
    path("api/v1/tasks/<pk:task_id>/output/stream", TaskOutputConsumer.as_asgi()),
    re_path("", WebsocketDenier.as_asgi()),
]
