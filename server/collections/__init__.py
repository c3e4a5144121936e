"""Collections: many layers by one rule. A rule names its members and finds their files; it opens none of them.

A new kind of rule is a module with `make`, its line in RULES, and its key in `server.settings.collections`.
"""

from importlib import import_module
from typing import Final

from server.collections.rule import Member, Page, Query, Rule
from server.settings.layer_config import CollectionConfig

RULES: Final = {
    "uri": "server.collections.template",
    "folder": "server.collections.folder",
    "prefix": "server.collections.prefix",
    "stac": "server.collections.stac.rule",
    "list": "server.collections.list_file",
}
"""Key of the config file -> module with `make(config: CollectionConfig) -> Rule`, imported at first use."""


def make_rule(config: CollectionConfig) -> Rule:
    """Make the rule of a collection; nothing is read yet."""
    rule: Rule = import_module(RULES[config.kind]).make(config)
    return rule


__all__ = ["RULES", "Member", "Page", "Query", "Rule", "make_rule"]
