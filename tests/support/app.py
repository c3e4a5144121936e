"""The app with layers of a test's own, and what tests ask of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server import create_app
from server.access.authenticator import Authenticator
from server.access.caller import Caller
from server.settings.load import Settings, load

ROOT: Final = Path(__file__).resolve().parents[2]
NO_ENVIRONMENT: Final[Mapping[str, str]] = {}


def anonymous() -> Caller:
    """A caller without credentials."""
    return Authenticator((), ()).caller({})


def layer(name: str, uri: str | Path, more: str = "") -> str:
    """The config file's table of a layer."""
    return f"[layers.'{name}']\nuri = '{uri}'\n{more}\n"


def settings(folder: Path, config: str, environment: Mapping[str, str] = NO_ENVIRONMENT) -> Settings:
    """Settings as a config file with this content in the folder makes them, and nothing but this environment."""
    path = folder / "layers.toml"
    path.write_text(config)
    return load({"RAWCOG_CONFIG": str(path), "LOG_LEVEL": "critical", **environment})


def client(folder: Path, config: str, environment: Mapping[str, str] = NO_ENVIRONMENT) -> FlaskClient:
    """A client of the whole app, hot route included, as one worker serves it."""
    return create_app(settings(folder, config, environment)).test_client()


def problem(reply: TestResponse, status: int) -> str:
    """Check that the reply is a problem document of this status, fit for strangers; what it says happened."""
    assert reply.status_code == status, reply.text[:200]
    assert reply.content_type == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" not in reply.headers
    assert reply.content_length == len(reply.data)
    assert reply.text.endswith("}\n")
    assert reply.text.count("\n") == 1
    body: dict[str, Any] = reply.get_json(force=True)
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    assert "Traceback" not in reply.text
    detail: str = body["detail"]
    return detail
