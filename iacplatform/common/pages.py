"""The one page that is for people and not the admin's."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def home(request: HttpRequest) -> HttpResponse:
    """``/``: says what this is and where to go."""
    return render(request, "common/home.html")
