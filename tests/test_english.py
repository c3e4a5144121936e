"""The mechanical part of the style of texts and names: first words of docstrings, subjects, names without a role."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    [*ROOT.glob("cogread/**/*.py"), *ROOT.glob("server/**/*.py"), *ROOT.glob("config/*.py"), ROOT / "wsgi.py"]
)

FIRST_WORD = re.compile(r"(What|Whether|Of|How|Who|Whom|Where)\b")
SUBJECT = re.compile(r"\b(who|whom|whose own|he|him|his|himself|she|her|(some|no|every|any)body)\b", re.IGNORECASE)
NAMES = {
    "found",
    "known",
    "made",
    "kept",
    "at_hand",
    "in_force",
    "by_version",
    "passed",
    "get_on",
    "what",
    "how",
    "root",
    "late",
}
NAMES |= {"glance", "glances", "crew", "crowd", "gate", "gates", "seal", "another", "here", "near", "far"}
"""Names that say no role: participles, prepositions, riddles."""

TEXT_FILES = sorted([*FILES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")])
"""Files whose docstrings are held to the style."""
TEST_NAMES = NAMES - {"root"}
"""In tests, roots are those of XML documents and of the repository."""


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and texts of the docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.tokenize(io.BytesIO(path.read_bytes()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and names that a module defines: itself, classes, functions, parameters, variables, attributes."""
    yield 1, path.stem
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield 1, node.asname


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    texts = ((path, *docstring) for path in TEXT_FILES for docstring in docstrings(path))
    assert not [f"{place(path, line)} {text[:60]}" for path, line, text in texts if FIRST_WORD.match(text)]


def test_the_subject_of_a_sentence_is_the_thing_that_acts() -> None:
    texts = ((path, *text) for path in TEXT_FILES for text in (*docstrings(path), *comments(path)))
    assert not [f"{place(path, line)} {word[0]}" for path, line, text in texts for word in SUBJECT.finditer(text)]


def test_names_have_a_role() -> None:
    defined = ((path, *name) for path in TEXT_FILES for name in names(path))
    forbidden = {path: NAMES if path in FILES else TEST_NAMES for path in TEXT_FILES}
    assert not [
        f"{place(path, line)} {name}" for path, line, name in defined if name.strip("_").lower() in forbidden[path]
    ]
