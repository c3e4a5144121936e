import pytest
import rasterio
from rasterio.io import MemoryFile

from cogread.byterange import ByteRange
from cogread.errors import SettingError
from cogread.sources import open_source
from cogread.sources.gdal_env import first_read_bytes, flag, options_from_environment
from tests.support.azure import ACCOUNT, KEY, SAS, Blobs
from tests.support.s3 import Store
from tests.support.tiffs import gdal_tiff


def test_endpoint_without_scheme_is_https_unless_told_otherwise() -> None:
    wanted = {"": "https://host:9000", "YES": "https://host:9000", "NO": "http://host:9000", "off": "http://host:9000"}
    for https, url in wanted.items():
        environ = {"AWS_S3_ENDPOINT": "host:9000", "AWS_HTTPS": https}
        assert options_from_environment("s3", environ).endpoint_url == url


def test_switches_reach_the_options() -> None:
    environ = {
        "AWS_NO_SIGN_REQUEST": "YES",
        "AWS_REQUEST_PAYER": "requester",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_REGION": "eu-west-1",
    }
    options = options_from_environment("s3", environ)
    assert (options.anonymous, options.request_payer, options.virtual_hosting) == (True, True, False)
    assert options.region == "eu-west-1"
    assert options_from_environment("s3", {}).virtual_hosting is None


@pytest.mark.parametrize("name", ["AWS_HTTPS", "AWS_NO_SIGN_REQUEST", "AWS_VIRTUAL_HOSTING"])
def test_bad_switch_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=f"{name}: found 'maybe', wanted YES or NO"):
        options_from_environment("s3", {name: "maybe", "AWS_S3_ENDPOINT": "host"})


def test_variables_of_s3_leave_other_schemes_alone() -> None:
    assert not options_from_environment("http", {"AWS_NO_SIGN_REQUEST": "maybe"}).anonymous


def test_own_name_of_the_first_read_goes_before_gdals() -> None:
    both = {"COG_INGESTED_BYTES_AT_OPEN": "100", "GDAL_INGESTED_BYTES_AT_OPEN": "200"}
    assert first_read_bytes(both, 7) == 100
    assert first_read_bytes({"GDAL_INGESTED_BYTES_AT_OPEN": "200"}, 7) == 200
    assert first_read_bytes({"COG_INGESTED_BYTES_AT_OPEN": ""}, 7) == 7


@pytest.mark.parametrize("name", ["COG_INGESTED_BYTES_AT_OPEN", "GDAL_INGESTED_BYTES_AT_OPEN"])
@pytest.mark.parametrize("value", ["many", "0", "-1", "1e3", "99999999999999", "٣"])
def test_size_of_the_first_read_is_checked(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        first_read_bytes({name: value}, 7)


@pytest.mark.parametrize("text", ["On", "1", "TRUE", "yes"])
def test_flag_takes_gdals_spellings(text: str) -> None:
    assert flag({"X": text}, "X", default=False)


def test_variables_of_google_reach_the_options() -> None:
    environ = {
        "CPL_GS_ENDPOINT": "http://127.0.0.1:1/",
        "GS_ACCESS_KEY_ID": "key",
        "GS_SECRET_ACCESS_KEY": "hush",
        "GS_USER_PROJECT": "field-1",
        "GS_NO_SIGN_REQUEST": "YES",
    }
    options = options_from_environment("gs", environ)
    assert (options.access_key_id, options.secret_access_key, options.user_project) == ("key", "hush", "field-1")
    assert (options.endpoint_url, options.anonymous) == ("http://127.0.0.1:1/", True)
    assert "hush" not in repr(options)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("AccountName=a1;AccountKey=k==;EndpointSuffix=e.example", ("https://a1.blob.e.example", "a1", "k==", None)),
        (
            "DefaultEndpointsProtocol=http;AccountName=a1;AccountKey=k",
            ("http://a1.blob.core.windows.net", "a1", "k", None),
        ),
        ("BlobEndpoint=http://h/a1/;AccountName=a1;AccountKey=k;", ("http://h/a1/", "a1", "k", None)),
        ("BlobEndpoint=https://h;SharedAccessSignature=sv=1&sig=s%3D", ("https://h", None, None, "sv=1&sig=s%3D")),
    ],
)
def test_a_connection_string_goes_before_the_other_variables_of_azure(
    text: str, wanted: tuple[str | None, ...]
) -> None:
    others = {"AZURE_STORAGE_ACCOUNT": "b", "AZURE_STORAGE_ACCESS_KEY": "c", "CPL_AZURE_ENDPOINT": "http://d"}
    for environ in ({"AZURE_STORAGE_CONNECTION_STRING": text}, {"AZURE_STORAGE_CONNECTION_STRING": text, **others}):
        options = options_from_environment("az", environ)
        assert (options.endpoint_url, options.account, options.access_key, options.sas_token) == wanted
    options = options_from_environment("az", others)
    assert (options.endpoint_url, options.account, options.access_key) == ("http://d", "b", "c")


def test_a_connection_string_of_no_account_is_named_without_its_secret() -> None:
    with pytest.raises(SettingError, match=r"^AZURE_STORAGE_CONNECTION_STRING: found no AccountName") as caught:
        options_from_environment("az", {"AZURE_STORAGE_CONNECTION_STRING": "AccountKey=hush"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("signs", ["key", "sas", "public"])
def test_gdal_reads_the_same_blob_with_the_same_variables(signs: str, blobs: Blobs) -> None:
    container = Blobs.public if signs == "public" else "imagery"
    data = gdal_tiff("jpeg-ycbcr")
    blobs.store(container, "ä/a b.tif", data)
    environ = {
        "AZURE_STORAGE_ACCOUNT": ACCOUNT,
        "CPL_AZURE_ENDPOINT": blobs.endpoint,
        **{"key": {"AZURE_STORAGE_ACCESS_KEY": KEY}, "sas": {"AZURE_STORAGE_SAS_TOKEN": SAS}}.get(
            signs, {"AZURE_NO_SIGN_REQUEST": "YES"}
        ),
    }
    assert_same(f"/vsiaz/{container}/ä/a b.tif", "az", environ, data)


def test_gdal_reads_the_same_object_of_google_with_the_same_variables(store: Store) -> None:
    data = gdal_tiff("jpeg-ycbcr")
    store.client.put_object(Bucket=store.bucket, Key="ä/a b.tif", Body=data, ACL="public-read")
    for keys in ({"GS_NO_SIGN_REQUEST": "YES"}, {"GS_ACCESS_KEY_ID": "GOOG1", "GS_SECRET_ACCESS_KEY": "hush"}):
        environ = {"CPL_GS_ENDPOINT": f"{store.endpoint_url}/", **keys}
        assert_same(f"/vsigs/{store.bucket}/ä/a b.tif", "gs", environ, data)


def assert_same(path: str, scheme: str, environ: dict[str, str], data: bytes) -> None:
    """GDAL and cogread open the path with the variables, and have the bytes."""
    with MemoryFile(data) as memory, memory.open() as expected:
        pixels = expected.read()
    alone = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_USE_HEAD": "NO", "VSI_CACHE": "NO"}
    with rasterio.Env(**environ, **alone), rasterio.open(path) as opened:
        assert (opened.read() == pixels).all()
    source = open_source(path, options_from_environment(scheme, environ))
    assert source.read(ByteRange(0, len(data))).data == data
    source.close()
