"""Suggestions for a layer name that is not configured."""

import pytest

from server.layers.similar_names import SimilarNames

SHEETS = [f"ortho-{year}-{letter}{sheet:03d}" for year in (2023, 2025) for letter in "ABCDE" for sheet in range(1000)]


@pytest.mark.parametrize(
    ("unknown", "suggested"),
    [
        ("ortho-2025B041", "ortho-2025-B041"),
        ("otrho-2025-B041", "ortho-2025-B041"),
        ("Ortho-2025-b041", "ortho-2025-B041"),
        ("nethrlands", "Netherlands"),
    ],
)
def test_a_typing_error_is_recognized_among_ten_thousand_names(unknown: str, suggested: str) -> None:
    assert SimilarNames([*SHEETS, "Netherlands"]).to(unknown)[0] == suggested


@pytest.mark.parametrize("unknown", ["", "zzz", "\xff", "x" * 100])
def test_a_name_like_no_other_has_no_suggestion(unknown: str) -> None:
    assert SimilarNames(SHEETS).to(unknown) == []
    assert SimilarNames([]).to(unknown) == []
