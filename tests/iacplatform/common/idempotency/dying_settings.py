"""Settings of a web server that dies between the commit and the answer, where a request says so."""

import os
import signal
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from iacplatform.settings.test import *  # noqa: F403
from iacplatform.settings.test import MIDDLEWARE as ALL

HEADER = "X-Die-Unanswered"


def die_unanswered(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Kills the process once the view is done."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if HEADER in request.headers:
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    return answer


MIDDLEWARE = [*ALL, f"{__name__}.die_unanswered"]
