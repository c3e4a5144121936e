"""`${NAME}` and `${NAME:-default}` in the strings of the config file, which stand for variables of the environment.

Keys stay as they are, and so does every value that is no string. A variable may hold a secret, so no message shows a
value that has one in it.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})(?::-(?P<default>[^{}]*))?\}|\$\{")
_SHORTEST_SECRET: Final = 4
"""A shorter value is not searched for in messages, which have such words of their own."""


def key_word(key: str) -> str:
    """A key as messages show it, in quotes if it is no plain word."""
    return key if key.isprintable() and key and not set(key) & set(" .\"'=") else repr(key)


def escape(text: str) -> str:
    """A string for a config file that stands for this text."""
    return text.replace("${", "$${")


class Variables:
    """Replaces the variables of one file, and knows where it did."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Make it for an environment."""
        self._environ = environ
        self._names: dict[str, str] = {}
        """Key of the file, in both of its spellings in messages -> its variables."""
        self._values: dict[str, str] = {}
        """Value -> its variable."""

    def replaced(self, table: Mapping[str, Any], places: tuple[str, ...] = ("", "")) -> dict[str, Any]:
        """The table with the values of variables in its strings, however deep.

        Args:
            table: of the file.
            places: its key in both spellings, each with a dot behind it.

        Raises:
            ValueError: a variable has no value and no default, or a reference is malformed; the message names the key.
        """
        return {
            key: self._value(value, (f"{places[0]}{key}", f"{places[1]}{key_word(key)}"))
            for key, value in table.items()
        }

    def without_values(self, message: str) -> str:
        """The message about an error of the file, unless it may show the value of a variable: then without it."""
        place = message.partition(": ")[0].partition("[")[0]
        key = f"defaults.{place.rpartition('.')[2]}"
        names = self._names.get(place) or self._names.get(key)
        if names is None:
            names = next((name for value, name in self._values.items() if value in message), None)
            if names is None:
                return message
        return f"{place}: wrong with the value of {names}, which is not shown"

    def _value(self, value: Any, places: tuple[str, str]) -> Any:
        if isinstance(value, str):
            return self._text(value, places) if "${" in value else value
        if isinstance(value, dict):
            return self.replaced(value, (f"{places[0]}.", f"{places[1]}."))
        if isinstance(value, list):
            return [self._value(item, places) for item in value]
        return value

    def _text(self, text: str, places: tuple[str, str]) -> str:
        names: list[str] = []

        def value(match: re.Match[str]) -> str:
            """The text in place of a reference.

            Raises:
                ValueError: the reference is malformed, or its variable has no value.
            """
            if match[0] == "$${":
                return "${"
            name = match["name"]
            if name is None:
                raise ValueError(
                    f"{places[1]}: found '${{' without a name and '}}', wanted ${{NAME}}, ${{NAME:-default}}, or $${{ "
                    "for these two characters"
                )
            stated = self._environ.get(name) or match["default"]
            if stated is None:
                state = "is empty" if name in self._environ else "is not set"
                raise ValueError(
                    f"{places[1]}: the environment variable {name} {state}, and ${{{name}}} has no default"
                )
            names.append(name)
            if len(stated) >= _SHORTEST_SECRET:
                self._values[stated] = name
            return stated

        text = _REFERENCE.sub(value, text)
        if names:
            self._names |= dict.fromkeys(places, ", ".join(dict.fromkeys(names)))
        return text
