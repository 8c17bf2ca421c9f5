"""``row.filter(parent__any_of=ids)``: like ``in``, with all ids as one array.

Django writes each id of an ``in`` as a parameter of its own, which takes longer than the query where there
are hundreds of them.
"""

from typing import TYPE_CHECKING, Any

from django.db.models import BigAutoField, ForeignKey, Lookup

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


@BigAutoField.register_lookup
@ForeignKey.register_lookup
class AnyOf(_Lookup):
    """Whether a number is one of a list of ids; PostgreSQL's ``= ANY(array)``."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """The condition with its array."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, list(self.rhs)]
