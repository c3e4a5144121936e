"""A config file that is not local: its bound, and what is said of one that cannot be read."""

from collections.abc import Iterator

import pytest

from server.settings.load import ConfigError, load
from tests.support.azure import ACCOUNT, KEY, Blobs
from tests.support.faults import Status
from tests.support.origin import Origin

SECRET = "hunter2"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put("/large.toml", b" " * ((32 << 20) + 1))
        origin.put("/broken.toml", b"[server]\ntitel = 1")
        origin.put("/relative.toml", b"[layers.a]\nuri = 'a.tif'")
        origin.put("/empty.toml", b"")
        origin.fail("/refused.toml", Status(403), times=2)
        yield origin


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none", "not there (status 404)"),
        ("refused", "the origin refuses us (status 403)"),
        ("large", "33554433 bytes, wanted 33554432 at most"),
        ("broken", "server.titel: unknown key, wanted one of title, "),
        ("relative", "layers.a.uri: found a relative path in a remote config file, wanted an absolute path or a URI"),
    ],
)
def test_a_remote_file_that_cannot_be_used_is_named_without_secrets(path: str, reason: str, origin: Origin) -> None:
    url = f"{origin.url}/{path}.toml"
    with pytest.raises(ConfigError) as error:
        load({"RAWCOG_CONFIG": url.replace("//", f"//me:{SECRET}@") + f"?token={SECRET}"})
    assert str(error.value).startswith(f"config file {url}: {reason}")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (f"ftp://me:{SECRET}@h/x.toml", "RAWCOG_CONFIG: source of scheme 'ftp': wanted a path, file://"),
        (f"https://me:{SECRET}@[h/x.toml", "RAWCOG_CONFIG: source of scheme 'https': "),
        ("s3://bucket", "RAWCOG_CONFIG: source 's3://bucket': wanted s3://bucket/key"),
        ("file:///none.toml", "config file /none.toml: No such file or directory"),
    ],
)
def test_a_place_of_no_supported_form_is_an_error(place: str, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        load({"RAWCOG_CONFIG": place})
    assert str(error.value).startswith(reason)
    assert SECRET not in str(error.value)


def test_a_config_in_azure_by_the_variables_of_gdal() -> None:
    with Blobs() as blobs:
        place = blobs.store("conf", "layers.toml", b"[layers.a]\nuri = 'az://imagery/a.tif'")
        account = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "CPL_AZURE_ENDPOINT": blobs.endpoint}
        got = load({"RAWCOG_CONFIG": place, "AZURE_STORAGE_ACCESS_KEY": KEY, **account})
        assert got.layers["a"].options.access_key == KEY
        with pytest.raises(ConfigError, match=r"config file az://conf/layers\.toml: the store refuses us") as error:
            load({"RAWCOG_CONFIG": place, "AZURE_STORAGE_SAS_TOKEN": f"sig={SECRET}", **account})
    assert SECRET not in str(error.value)


def test_an_absolute_path_is_that_of_the_server(origin: Origin) -> None:
    origin.put("/absolute.toml", b"[layers.a]\nuri = '/data/a.tif'")
    settings = load({"RAWCOG_CONFIG": f"{origin.url}/absolute.toml"})
    assert settings.layers["a"].uri.location == "/data/a.tif"
    assert not load({"RAWCOG_CONFIG": f"{origin.url}/empty.toml"}).layers
