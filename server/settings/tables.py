"""The tables of layers and collections -> their configurations; those of members are made at run time."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cogread.sources import BUCKETS, SourceOptions, SourceUri
from cogread.sources.gdal_env import options_from_environment
from server.settings.attribution import Attribution, parse_attribution
from server.settings.collections import LAYER_NAME, kind_of, place_of, template_of
from server.settings.config_place import uri_of
from server.settings.file import CollectionFields, ConfigFile, File, FileError, LayerFields
from server.settings.layer_config import CollectionConfig, LayerConfig
from server.settings.origin_identity import Identities
from server.settings.origins import signs_urls


class Tables:
    """The tables `[layers.*]` and `[collections.*]` of a config file."""

    def __init__(
        self,
        folder: Path | None,
        file: ConfigFile,
        options: Mapping[str, SourceOptions],
        identities: Identities,
        env: Mapping[str, str],
    ) -> None:
        """Take a file in; nothing is checked yet.

        Args:
            folder: see `ConfigPlace.folder`.
            file: the content of the config file.
            options: options of the origins of `[sources]`, by name.
            identities: identify the sources.
            env: environment with the options of origins.
        """
        self._folder, self._file, self._options, self._identities, self._env = folder, file, options, identities, env

    def layer(self, name: str, fields: LayerFields) -> LayerConfig:
        """The configuration of a layer.

        Raises:
            FileError: a value is wrong; the message names the key.
            SettingError: a variable with options of its origin is wrong.
        """
        where = f"layers.{name}"
        _check_name("layers", name)
        uri = uri_of(f"{where}.uri", fields.uri, self._folder)
        options = self._source(where, fields.source, uri.scheme)
        if options is None:
            options = options_from_environment(uri.scheme, self._env)
        _check_file(where, fields.file, uri.scheme, options)
        return self._config(name, uri, fields.title or name, _attribution(where, fields.attribution), options, fields)

    def collection(self, name: str, fields: CollectionFields) -> CollectionConfig:
        """The configuration of a collection.

        Raises:
            FileError: a value is wrong, or a layer has the same name; the message names the key.
            SettingError: a variable with options of its origin is wrong.
        """
        where = f"collections.{name}"
        _check_name("collections", name)
        if name in self._file.layers:
            raise FileError(f"{where}: a layer has the same name")
        kind = kind_of(where, fields)
        uri = place_of(where, kind, getattr(fields, kind), self._folder)
        stated = self._source(where, fields.source, uri.scheme if kind in ("uri", "folder", "prefix") else None)
        kinds = self._file.sources[fields.source].type if fields.source is not None else None

        def options_for(scheme: str, is_own: bool) -> SourceOptions:
            is_stated = stated is not None and scheme.replace("https", "http") == kinds
            options = stated if stated is not None and is_stated else options_from_environment(scheme, self._env)
            is_for_all = is_own or scheme in BUCKETS
            return options if is_for_all else replace(options, username=None, password=None, bearer_token=None)

        def member(
            whole: str, uri: SourceUri, title: str, attribution: Attribution | None, is_own: bool
        ) -> LayerConfig:
            return self._config(whole, uri, title, attribution, options_for(uri.scheme, is_own), fields, name)

        if kind in ("uri", "folder", "prefix"):  # members of a list have places of their own
            _check_file(where, fields.file, uri.scheme, options_for(uri.scheme, True))
        return CollectionConfig(
            name=name,
            kind=kind,
            fields=fields,
            uri=uri,
            template=template_of(where, kind, uri, fields),
            attribution=_attribution(where, fields.attribution),
            options=options_for(uri.scheme, True),
            source=stated,
            options_for=options_for,
            member=member,
        )

    def _source(self, where: str, name: str | None, scheme: str | None) -> SourceOptions | None:
        """The options of a source, if the table names one; `scheme` is that of the table's URI."""
        if name is None:
            return None
        if name not in self._options:
            names = ", ".join(sorted(self._options)) or "none"
            raise FileError(f"{where}.source: found {name!r}, wanted one of [sources]: {names}")
        kind = self._file.sources[name].type
        if scheme is not None and kind != scheme.replace("https", "http"):
            raise FileError(f"{where}.source: {name!r} is of type {kind!r}, the uri is {scheme}")
        return self._options[name]

    def _config(
        self,
        name: str,
        uri: SourceUri,
        title: str,
        attribution: Attribution | None,
        options: SourceOptions,
        fields: LayerFields | CollectionFields,
        collection: str | None = None,
    ) -> LayerConfig:
        return LayerConfig(
            name=name,
            title=title,
            attribution=attribution,
            uri=uri,
            options=options,
            identity=self._identities.of(uri, options),
            access=fields.access,
            max_age_s=fields.max_age_s,
            empty=fields.empty,
            cache_tiles=uri.scheme != "file" if fields.cache_tiles is None else fields.cache_tiles,
            cache_replies=fields.cache_tiles is not False,
            file=True if fields.file == "redirect" and not signs_urls(uri.scheme, options) else fields.file,
            jxl=fields.jxl,
            terrain_nodata=fields.terrain_nodata,
            versioned_urls=fields.versioned_urls,
            source_name=fields.source or uri.scheme.replace("https", "http"),
            collection=collection,
        )


def _check_name(table: str, name: str) -> None:
    if not LAYER_NAME.fullmatch(name):
        grammar = "1 to 100 letters, digits, '_', '-' or '.', not first '-' or '.'"
        raise FileError(f"{table}: found the name {name!r}, wanted {grammar}")


def _check_file(where: str, file: File, scheme: str, options: SourceOptions) -> None:
    if file == "redirect" and not signs_urls(scheme, options):
        reason = "no key signs its URLs" if scheme in BUCKETS else f"the uri is {scheme}, not of a bucket"
        raise FileError(f"{where}.file: found 'redirect', wanted true or false, as {reason}")


def _attribution(where: str, text: str | None) -> Attribution | None:
    return parse_attribution(f"{where}.attribution", text) if text else None
