from tests.support.corpus import CORPUS

collect_ignore = [] if CORPUS.is_dir() else ["test_corpus.py"]
"""A checkout that stands alone has no corpus beside it."""
