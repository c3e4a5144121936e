"""Formats of the log's lines: logfmt, and one JSON object a line. Values from clients and origins are escaped."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

DATE: Final = "%Y-%m-%dT%H:%M:%S"
FORMATS: Final = ("logfmt", "json")

MOST_CAUSE: Final = 1000
"""Length of the cause of an error."""

_RECORD: Final = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
_DOUBTFUL: Final = re.compile(r'[^!-~]|["=\\]')


def _spelled(word: str) -> str:
    """A pattern of the word, in any case, with or without percent-encoding."""
    return "".join(f"(?:{letter}|%{ord(letter):02x}|%{ord(letter.upper()):02x})" for letter in word)


_MARKS: Final = ("token", "signature", "bearer")
_CREDENTIALS: Final = re.compile(
    rf"(?:(?:{_spelled('token')}|{_spelled('signature')})(?:=|%3d)|\bbearer\s)[^\s&;?#'\"\\]+", re.IGNORECASE
)
"""A secret with its name, wherever a client has put it: in a path, behind a misspelt name or in a malformed field."""


class JsonFormatter(logging.Formatter):
    """Records of `logging` as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, with its traceback if it has one."""
        fields: dict[str, object] = {"message": record.getMessage()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        head = (record.created, record.levelname, record.process or 0, record.name)
        return json_line(*head, fields)


def formatter(line_format: str) -> logging.Formatter:
    """Make the formatter of records in one of FORMATS."""
    return JsonFormatter() if line_format == "json" else logging.Formatter(_RECORD, DATE)


def dropped_lines(line_format: str) -> Callable[[int], str]:
    """Return the function that spells the line about a number of dropped lines."""

    def spell(count: int) -> str:
        text = f"{count} lines dropped: the reader of the log was too slow"
        record = logging.LogRecord("server.logs.request_log", logging.WARNING, "", 0, text, None, None)
        return formatter(line_format).format(record)

    return spell


def json_line(at_s: float, level: str, pid: int, logger: str, fields: Mapping[str, object]) -> str:
    """Spell a line as JSON."""
    stamp = time.strftime(f"{DATE}%z", time.localtime(at_s))
    return msgspec.json.encode({"time": stamp, "level": level, "pid": pid, "logger": logger, **fields}).decode()


def logfmt(fields: Mapping[str, object]) -> str:
    """Spell fields as `key=value`; their values are single words, but for the cause, which stands in quotes."""
    return " ".join([f'{key}="{value}"' if key == "cause" else f"{key}={value}" for key, value in fields.items()])


def fields_of(words: str) -> dict[str, str]:
    """The fields of a text in logfmt without blanks in its values."""
    return {key: value.strip('"') for key, _, value in (word.partition("=") for word in words.split(" "))}


def redacted(text: str) -> str:
    """A text without the tokens and signatures in it."""
    plain = (unquote(text) if "%" in text else text).lower()
    for mark in _MARKS:  # a pattern alone would take ten times as long
        if mark in plain:
            return _CREDENTIALS.sub("***", text)
    return text


def escaped(text: str, most: int = 200) -> str:
    """A value from a client as one printable ASCII word, which cannot pass for another line or field, redacted."""
    return _DOUBTFUL.sub(lambda character: f"\\x{ord(character[0]):02x}", redacted(text)[:most])


def quotable(text: str) -> str:
    """A text for a field in quotes."""
    return text.encode("unicode_escape").decode("ascii").replace('"', '\\"')[:MOST_CAUSE]
