"""Parts of addresses: what does not look like an id is no address, so it never reaches a query."""

from django.urls import register_converter
from django.urls.converters import IntConverter, StringConverter


class PrimaryKeyConverter(IntConverter):
    """A number that fits a ``bigint``."""

    regex = "[0-9]{1,18}"


class SemanticIdConverter(StringConverter):
    """A prefix and a random suffix, as :func:`iacplatform.common.ids.new_id` makes them."""

    regex = "[a-z]{1,10}-[a-z0-9]{1,38}"


class ReferenceConverter(StringConverter):
    """A semantic id or a number."""

    # In brackets: the OpenAPI document puts `^` before it and `$` behind it.
    regex = f"(?:{SemanticIdConverter.regex}|{PrimaryKeyConverter.regex})"


register_converter(PrimaryKeyConverter, "pk")
register_converter(SemanticIdConverter, "sid")
register_converter(ReferenceConverter, "ref")
