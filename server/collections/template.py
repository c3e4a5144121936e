"""`uri` and `match`: a template of URIs, whose values are the names of the members.

It can be listed where `match` lists all values.
"""

from typing import Final

from cogread.errors import SettingError
from server.collections.instants import named_interval
from server.collections.rule import SLASH, Member, Page, Query
from server.collections.sorted_members import SortedMembers
from server.settings.layer_config import CollectionConfig
from server.settings.templates import UriTemplate

_SEPARATOR: Final = ":"
"""Between the values of a name, in the order of the parts in the template."""


class Template:
    """A `Rule`."""

    is_fixed: Final = True

    def __init__(self, template: UriTemplate, time: str | None) -> None:
        self._template, self._time = template, time or ""
        self.parts: Final = template.parts
        listed = template.listed
        self.is_listable: Final = listed is not None
        names = sorted({_SEPARATOR.join(values) for values in listed or ()})
        self._listed: Final = SortedMembers(names, lambda place: self._listed_member(names[place]))

    def find(self, name: str) -> Member | None:
        """See `Rule.find`."""
        values = self._template.values(name.replace(SLASH, "/").split(_SEPARATOR))
        return None if values is None else self._member(name, values)

    def _listed_member(self, name: str) -> Member:
        return self._member(name, dict(zip(self.parts, name.split(_SEPARATOR), strict=True)))

    def _member(self, name: str, values: dict[str, str]) -> Member:
        first, last = named_interval(self._time, values) or (None, None)
        return Member(name, self._template.uri(values), datetime=first, parts=values, end_datetime=last)

    def holds(self, member: Member) -> bool:
        """See `Rule.holds`."""
        return True

    def page(self, query: Query) -> Page:
        """See `Rule.page`."""
        return self._listed.page(query)


def make(config: CollectionConfig) -> Template:
    """Make the rule of a collection."""
    if config.template is None:
        raise SettingError(f"collection {config.name!r}: no template")
    return Template(config.template, config.fields.time)
