"""Conditional requests (RFC 9110 §8.8.3, §13.1.2), and the URLs that a server tells people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.http.reply import local_url, none_match

ETAG = '"a1-b2"'

TAG_CHARACTERS = st.sampled_from([chr(c) for c in (0x21, *range(0x23, 0x7F), *range(0x80, 0x100))])
OPAQUE = st.text(TAG_CHARACTERS, max_size=12).map(lambda text: f'"{text}"')
TAGS = st.builds(str.__add__, st.sampled_from(["", "W/"]), OPAQUE)
SEPARATORS = st.sampled_from([",", ", ", " ,", "\t,  ", ",,", ", , "])


@pytest.mark.parametrize(
    ("field", "is_sent"),
    [
        (None, True),
        ("", True),
        ('"a1-b2"', False),
        (' "a1-b2"\t', False),
        ('W/"a1-b2"', False),
        ("*", False),
        (" * ", False),
        ('"x", "a1-b2"', False),
        ('"x","a1-b2","y"', False),
        ('"x" , W/"a1-b2"', False),
        (', "a1-b2",', False),
        ('"with,comma", "a1-b2"', False),
        ('"a,"a1-b2"', True),
        ('"x"', True),
        ('"a1-b2x"', True),
        ('"xa1-b2"', True),
        ('"x, "a1"', True),
        ("a1-b2", True),
        ('w/"a1-b2x"', True),
        ('""', True),
        ('"*"', True),
        ('"A1-B2"', True),
        ('"a1-b2', True),
        ('a1-b2"', True),
        ("'a1-b2'", True),
        ('"a1- b2"', True),
        ("\xff\xfe,;=", True),
        ('"' * 1001, True),
    ],
)
def test_which_requests_are_answered_in_full(field: str | None, is_sent: bool) -> None:
    assert none_match(field, ETAG) is is_sent


@given(before=st.lists(TAGS, max_size=4), after=st.lists(TAGS, max_size=4), separator=SEPARATORS, own=OPAQUE)
def test_a_tag_is_found_wherever_it_stands_in_a_list(
    before: list[str], after: list[str], separator: str, own: str
) -> None:
    for written in (own, f"W/{own}"):
        assert not none_match(separator.join([*before, written, *after]), own)


@given(tags=st.lists(TAGS, min_size=1, max_size=6), separator=SEPARATORS, own=OPAQUE)
def test_a_tag_that_is_not_in_the_list_is_not_found(tags: list[str], separator: str, own: str) -> None:
    others = [tag for tag in tags if tag.removeprefix("W/") != own]
    assert none_match(separator.join(others), own)


@given(st.text(max_size=60))
def test_garbage_is_neither_an_error_nor_a_match(field: str) -> None:
    assert none_match(field, ETAG) or ETAG in field or field.strip() == "*"


@pytest.mark.parametrize(
    ("host", "root"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("tiles.example.com", "http://tiles.example.com:80"),
    ],
)
def test_the_root_that_is_printed_can_be_asked(host: str, root: str) -> None:
    assert local_url(host, 80) == root
