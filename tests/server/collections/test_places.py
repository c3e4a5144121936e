"""Places that the links of a catalog may lead to: each way out is refused, whatever its spelling."""

from pathlib import Path

import pytest

from cogread.sources import SourceUri, parse_uri
from server.collections.places import Places, RefusedLink
from server.settings.hosts import Host

HOME = "https://catalog.example.com/stac/events/collection.json"
HOSTS = ("files.example.org", "store.example.org:8443", "s3://imagery", "gs://maps", "[2001:db8::1]:8080")


def places(home: str = HOME, hosts: tuple[str, ...] = HOSTS) -> Places:
    return Places(parse_uri(home), tuple(map(Host.parse, hosts)))


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("a.tif", "https://catalog.example.com/stac/events/a.tif"),
        ("./b/../a b.tif", "https://catalog.example.com/stac/events/a b.tif"),
        ("../../../../x.json", "https://catalog.example.com/x.json"),
        ("/x.json", "https://catalog.example.com/x.json"),
        ("//catalog.example.com/x.json", "https://catalog.example.com/x.json"),
        ("?token=2&limit=5", "https://catalog.example.com/stac/events/collection.json?token=2&limit=5"),
        ("HTTPS://Catalog.Example.COM/x.json", "https://Catalog.Example.COM/x.json"),
        ("https://catalog.example.com:443/x.json", "https://catalog.example.com:443/x.json"),
        ("/vsicurl/http://169.254.169.254/", "https://catalog.example.com/vsicurl/http://169.254.169.254/"),
        ("https://files.example.org/a.tif", "https://files.example.org/a.tif"),
        ("http://files.example.org/a.tif", "http://files.example.org/a.tif"),
        ("https://store.example.org:8443/a.tif", "https://store.example.org:8443/a.tif"),
        ("http://[2001:DB8::1]:8080/a.tif", "http://[2001:DB8::1]:8080/a.tif"),
        ("s3://imagery/a/b.tif", "s3://imagery/a/b.tif"),
        ("S3://imagery/a/b.tif", "s3://imagery/a/b.tif"),
        ("gs://maps/a/b.tif", "gs://maps/a/b.tif"),
        ("été.tif", "https://catalog.example.com/stac/events/été.tif"),
        ("Ã©.tif", "https://catalog.example.com/stac/events/Ã©.tif"),
    ],
)
def test_of_the_documents_origin_and_of_named_hosts_are_allowed(link: str, target: str) -> None:
    assert places().resolve(link, parse_uri(HOME)).uri.location == target


WAYS_OUT = (
    "http://catalog.example.com/x.json",  # the origin is the one of https
    "https://catalog.example.com:8443/x.json",
    "https://catalog.example.com./x.json",
    "https://catalog.example.com.evil.example/x.json",
    "https://evil.example/x.json",
    "//evil.example/x.json",
    "https:evil.example/x.json",
    "https:///evil.example/x.json",
    "https://user:word@catalog.example.com/x.json",
    "https://catalog.example.com@evil.example/x.json",
    "https://evil.example#@catalog.example.com/",
    "https://evil.example\\@catalog.example.com/",
    "\\\\evil.example\\x",
    "/\\evil.example/x",
    "https://evil.example\t/x",
    " https://evil.example/x",
    "https://files.example.org:444/a.tif",
    "https://store.example.org/a.tif",
    "https://sub.files.example.org/a.tif",
    "http://127.0.0.1/",
    "http://localhost:6379/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://169.254.169.254/latest/meta-data/",
    "HTTP://169.254.169.254/",
    "http://2852039166/",
    "http://metadata.google.internal/",
    "http://ⓛocalhost/",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "ftp://files.example.org/a.tif",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "data:image/tiff;base64,SUkqAA==",
    "s3://other/a.tif",
    "s3://imagery",
    "s3://imagery/",
    "s3://imagery/a/../../other/b.tif",
    "s3://imagery//a.tif",
    "s3://key:secret@imagery/a.tif",
    "s3:/imagery/a.tif",
    "gs://imagery/a.tif",  # the bucket of another store
    "az://maps/a.tif",
    "gs://maps/../imagery/a.tif",
    "azure://imagery/a.tif",
    "",
    "x" * 5000,
    "a\x00.tif",
    "a\r\nHost: evil.example",
)


@pytest.mark.parametrize("link", WAYS_OUT)
def test_elsewhere_are_refused(link: str) -> None:
    with pytest.raises(RefusedLink) as refused:
        places().resolve(link, parse_uri(HOME))
    assert "word" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_credentials_go_to_the_documents_own_origin_alone() -> None:
    assert places().resolve("a.tif", parse_uri(HOME)).is_own
    assert not places().resolve("https://files.example.org/a.tif", parse_uri(HOME)).is_own
    assert (
        places("http://catalog.example.com/c.json").resolve("https://catalog.example.com/a.tif", parse_uri(HOME)).is_own
    )


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_of_a_bucket_are_its_own_objects(scheme: str) -> None:
    home = f"{scheme}://maps/a/b/collection.json"
    local = places(home, ())
    for link, key in {
        "x.tif": "a/b/x.tif",
        "../x.tif": "a/x.tif",
        "../../../x.tif": "x.tif",
        "/x.tif": "x.tif",
    }.items():
        assert local.resolve(link, parse_uri(home)).uri == SourceUri(scheme, f"{scheme}://maps/{key}")
    assert local.resolve(f"{scheme}://maps/x#1?.tif", parse_uri(home)).uri.location == f"{scheme}://maps/x#1?.tif"
    for link in (
        "//other/x.tif",
        f"{scheme}://imagery/x.tif",
        "oss://maps/x.tif",
        "https://maps.s3.amazonaws.com/x.tif",
        "file:///x",
    ):
        with pytest.raises(RefusedLink):
            local.resolve(link, parse_uri(home))


def test_of_a_local_document_are_files_below_its_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "catalog", tmp_path / "secret.tif"
    (inside / "sub").mkdir(parents=True)
    outside.write_bytes(b"secret")
    (inside / "out").symlink_to(tmp_path)
    home = str(inside / "catalog.json")
    local, child = places(home), SourceUri("file", str(inside / "sub" / "item.json"))
    assert local.resolve("./a.tif", child).uri.location == str(inside / "sub" / "a.tif")
    assert local.resolve("../a.tif", child).uri.location == str(inside / "a.tif")
    assert local.resolve(str(inside / "a.tif"), child).uri.location == str(inside / "a.tif")
    assert local.resolve("https://files.example.org/a.tif", child).uri.scheme == "https"
    for link in (
        "../../secret.tif",
        str(outside),
        "/etc/passwd",
        "../out/secret.tif",
        "/vsicurl/http://127.0.0.1/a.tif",
        "/vsis3/imagery/a.tif",
        f"file://{inside}/a.tif",
        "//localhost/etc/passwd",
        "https://catalog.example.com/a.tif",
        "http://localhost/a.tif",
    ):
        with pytest.raises(RefusedLink):
            local.resolve(link, child)


@pytest.mark.parametrize(
    "host",
    ["", "https://files.example.org", "a/b", "a:0", "a:99999", "user@host", "*", "s3://", "az://a/b", "s3:a", "::1"],
)
def test_a_host_of_another_form_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="wanted a host such as"):
        Host.parse(host)
