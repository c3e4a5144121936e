"""`rawcog sign`: signed URLs of layers and collections."""

import re
from typing import Final

import click

from server.access.caller import SIGNED
from server.access.signature import scope_of, signed_query
from server.http.reply import local_url
from server.settings.load import ConfigError, deployment, load

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LIFETIME: Final = re.compile(rf"([1-9][0-9]{{0,6}})([{''.join(_UNITS)}])")


class _Lifetime(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A number with a unit -> seconds."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a lifetime such as `12h`."""
        match = _LIFETIME.fullmatch(str(value))
        if match is None:
            self.fail(f"found {str(value)[:20]!r}, wanted a number and one of {', '.join(_UNITS)}", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


@click.command()
@click.argument("layer")
@click.option("--for", "lifetime_s", type=_Lifetime(), required=True, help="Lifetime at least, such as 30m, 12h or 7d.")
@click.option("--query", "is_query", is_flag=True, help="Print expires=…&signature=… alone.")
def sign(layer: str, lifetime_s: int, is_query: bool) -> None:
    """Print a signed URL of a layer, or of all members of a collection.

    The config file is that of RAWCOG_CONFIG, and the first key of RAWCOG_SIGNING_KEYS signs. The URL begins with the
    public_url of the config. Behind any other URL of the layer, the query opens that.

    \b
    rawcog sign naip --for 1d
    rawcog sign naip --for 12h --query

    The expiry is rounded up to a multiple of the lifetime, of a day at most, so that URLs are the same meanwhile and
    caches keep them.
    """
    try:
        settings, address = load(), deployment()
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    scope = scope_of(layer)
    config = settings.collections.get(scope) or settings.layers.get(layer)
    if config is None:
        raise click.ClickException(f"no layer or collection {layer[:100]!r} in the config")
    if config.access != SIGNED:
        raise click.ClickException(f"{scope!r} takes no signature: its access is {config.access!r}")
    query = signed_query(settings.signing_keys[0], layer, lifetime_s)
    base_url = (settings.server.public_url or local_url(address.host, address.port)).rstrip("/")
    click.echo(query if is_query else f"{base_url}/layers/{layer}?{query}")
