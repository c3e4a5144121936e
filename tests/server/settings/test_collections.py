"""[collections.NAME]: rules that cannot be, and patterns that would keep a thread busy."""

from pathlib import Path

import pytest

from server.settings.load import ConfigError
from tests.support.app import layer, settings

TABLE = "[collections.ortho]\n"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "collections.ortho: found no rule, wanted exactly one of uri, folder, prefix, stac, list"),
        ("folder = '/a'\nprefix = 's3://b/'", "collections.ortho: found folder and prefix, wanted exactly one of uri"),
        ("folder = '/a'\nmatch = { x = 'a' }", "collections.ortho.match: not for a collection by folder, only by uri"),
        ("uri = '/a/{x}'\npattern = '*'", "collections.ortho.pattern: not for a collection by uri"),
        ("uri = '/a/x.tif'", "collections.ortho.uri: found no part in braces"),
        ("uri = '/a/{x y}.tif'", "collections.ortho.uri: found no part in braces"),
        ("uri = '/a/{x}{}.tif'", "collections.ortho.uri: found a brace that belongs to no part"),
        ("uri = 's3://{b}/x.tif'", "collections.ortho.uri: found a part in the host or bucket"),
        ("uri = 'https://{h}/x.tif'", "collections.ortho.uri: "),
        ("uri = '/a/{x}'\nmatch = { y = 'a' }", "collections.ortho.match: found the part 'y', wanted one of x"),
        ("uri = '/a/{x}'\nmatch = { x = 1 }", "collections.ortho.match.x: found 1, wanted a string"),
        ("uri = '/a/{x}'\nmatch = { x = '[' }", "collections.ortho.match.x: found '[', wanted a regular expression"),
        ("uri = '/a/{x}'\ntitle = '{y}'", "collections.ortho.title: found the part 'y', wanted one of x"),
        ("stac = 'c.json'\nhosts = ['https://x/y']", "collections.ortho.hosts[0]: wanted a host such as"),
        (
            "folder = '/a'\nhosts = ['x']",
            "collections.ortho.hosts: not for a collection by folder, only by stac or list",
        ),
        ("list = 'l.csv'\ntime = '{month}'", "collections.ortho.time: found the part 'month', wanted one of name"),
        ("uri = '/{x}/{y}'\ntime = '{y}'", "collections.ortho.time: found no {x}, wanted each part of uri"),
        ("uri = '/{x}'\ntime = '{x}'", "collections.ortho.time: wanted a list of values for each part"),
        ("folder = '/a'\ntitle = '{y}'", "collections.ortho.title: found the part 'y', wanted one of name"),
        ("folder = 's3://a/b'", "collections.ortho.folder: found a URI of scheme 's3', wanted the path of a folder"),
        ("prefix = 'gs://me:hunter2@b/x'", "collections.ortho.prefix: wanted one of s3://bucket/path/, gs://"),
        ("prefix = '/a/'", "collections.ortho.prefix: wanted one of s3://bucket/path/, gs://"),
        ("folder = '/a'\nrefresh_s = 0", "collections.ortho.refresh_s: found 0, wanted a number >= 1"),
        ("uri = '/a/{x}'\nsource = 'web'", "collections.ortho.source: 'web' is of type 'http', the uri is file"),
    ],
)
def test_a_mistake_is_named_by_its_key(keys: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, f"[sources.web]\ntype = 'http'\n{TABLE}{keys}")
    assert message in str(raised.value)


def test_a_layer_and_a_collection_cannot_have_one_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"collections\.ortho: a layer has the same name"):
        settings(tmp_path, f"{layer('ortho', 'a.tif')}{TABLE}folder = 'a'")


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|a)*b", "(a|ab)*c", "(?:a?){30}b", ".*.*.*.*", "(((a+)+)+)+"])
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"collections\.ortho\.match\.x: found .*, which may take 10\^[0-9]+ tries"):
        settings(tmp_path, f"{TABLE}uri = '/a/{{x}}.tif'\nmatch = {{ x = '{pattern}' }}")


@pytest.mark.parametrize("pattern", ["20[0-9]{2}", "[A-Z]{2}(?:[0-9]{2}|x)", r"\d+_\w+", "(?:[a-z]+/)?[0-9]+"])
def test_usual_patterns_are_taken(pattern: str, tmp_path: Path) -> None:
    config = settings(tmp_path, f"{TABLE}uri = '/a/{{x}}.tif'\nmatch = {{ x = '{pattern}' }}")
    assert config.collections["ortho"].kind == "uri"


def test_members_take_the_settings_of_their_collection_and_the_defaults(tmp_path: Path) -> None:
    keys = "uri = 's3://imagery/{x}.tif'\nsource = 's'\nempty = '404'"
    config = settings(
        tmp_path, f"[defaults]\nmax_age_s = 7\n[sources.s]\ntype = 's3'\nregion = 'eu-west-1'\n{TABLE}{keys}"
    )
    collection = config.collections["ortho"]
    assert collection.template is not None
    member = collection.member("ortho:a", collection.template.uri({"x": "a"}), "A", None, True)
    assert (member.uri.location, member.empty, member.max_age_s) == ("s3://imagery/a.tif", "404", 7)
    assert (member.options.region, member.collection) == ("eu-west-1", "ortho")
