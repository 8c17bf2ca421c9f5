"""The web server's application: Django for HTTP, channels for WebSockets.

``uvicorn iacplatform.asgi:application --ws-ping-interval 30 --ws-ping-timeout 30``
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http.request import split_domain_port, validate_host

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iacplatform.settings.base")
django_application = get_asgi_application()


def check_origin(application: Application) -> Application:
    """Lets in what was opened by a page of this host or of ``ALLOWED_ORIGINS``; others get 403.

    Browsers always name the page's origin and send their cookies along: without this, any page could
    read logs in the name of whoever looks at it (RFC 6455 §10.2). Programs name none.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        own = origin is None or _is_own(origin, headers.get(b"host", ""))
        listed = OriginValidator(application, settings.ALLOWED_ORIGINS)
        await (application if own else listed)(scope, receive, send)

    return checked


def _is_own(origin: str, host: str) -> bool:
    name, _ = split_domain_port(host)
    return urlsplit(origin).netloc.lower() == host.lower() and validate_host(
        name, settings.ALLOWED_HOSTS
    )


def _websockets() -> Application:
    from workspaces.routing import websocket_urlpatterns  # noqa: PLC0415 - needs loaded apps

    return check_origin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


application = ProtocolTypeRouter({"http": django_application, "websocket": _websockets()})
