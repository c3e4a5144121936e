import pytest

from cogread.errors import SettingError
from cogread.sources.gdal_env import first_read_bytes, flag, options_from_environment


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
