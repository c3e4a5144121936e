"""The import directions of the design, held by reading the source, and what a start may load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = {
    "cogread": """
        __main__ filedumper httpdumper s3dumper
        cli
        reader description copy
        first_tiles
        wrap
        header metadata tile_index
        image conversion facts
        crs
        tiff sources jpeg_stream jxl_stream
        byterange deadline detached errors refusal weak_method cogread
    """,
    "server": """
        wsgi config.gunicorn cli
        server
        web export
        documents
        tiles file
        layers
        collections
        origin settings
        cache
        resilience gunicorn_worker access metrics
        http logs
    """,
}
"""Each row may import the rows below it. A folder is one name; within it only cycles are forbidden. `cogread` and
`server` are the packages' own `__init__.py`."""

FOREIGN_TO_COGREAD = {"server", "flask", "werkzeug", "redis", "gunicorn", "wsgi"}
COMMAND_LINES = {"__main__", "filedumper", "httpdumper", "s3dumper", "cli"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv"}
"""Names of `os`."""
READ_THE_ENVIRONMENT = {
    "server.settings.load",
    "server.cli.serve",
    "server.cli.check",
    "server.cli.layer_source",
    "cogread.cli.main",
}
TABLES = {
    "cogread.sources",
    "cogread.sources.token",
    "server.cache",
    "server.collections",
    "server.export.job",
    "server.metrics.shared_folder",
    "server.web.tracing",
    "cogread.wrap.auto.wrapper",
    "cogread.wrap.bin.wrapper",
    "cogread.wrap.jxl.wrapper",
    "cogread.wrap.png.terrain",
    "cogread.wrap.png.wrapper",
}
"""Modules that import what their table names, or what decodes, when it is first used."""
LATE_IMPORTS = {
    ("cogread.crs.lookup", "cogread.crs.geographic_table"),
    ("cogread.crs.lookup", "cogread.crs.resolver"),
    ("cogread.crs.lookup", "cogread.crs.transform"),
}
"""(module, import in a function): PROJ takes 0.1 s to load, and only documents need it."""


@dataclass(frozen=True)
class Module:
    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return "cogread" if self.name.partition(".")[0] == "cogread" else "server"

    @property
    def unit(self) -> str:
        return unit_of(self.name)


def unit_of(name: str) -> str:
    """The name in LAYERS."""
    if name.startswith("config."):
        return name
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if rest else first


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__").removesuffix(".conf")


def modules() -> dict[str, Module]:
    paths = [*ROOT.glob("cogread/**/*.py"), *ROOT.glob("server/**/*.py"), ROOT / "wsgi.py"]
    paths.append(ROOT / "config" / "gunicorn.conf.py")
    return {name_of(path): Module(name_of(path), ast.parse(path.read_bytes(), str(path))) for path in paths}


MODULES = modules()


def imported(node: ast.AST) -> Iterator[str]:
    """The imports of a statement: own ones as modules, others as top packages."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative import"
        whole = node.module or ""
        parts = [f"{whole}.{alias.name}" for alias in node.names]
        names = [part if part in MODULES else whole for part in parts]
    else:
        return
    for name in names:
        yield name if name in MODULES else name.partition(".")[0]


def imports(module: Module) -> set[str]:
    return {name for node in ast.walk(module.tree) for name in imported(node)}


def height(package: str, unit: str) -> int:
    lines = [line.split() for line in LAYERS[package].strip().splitlines()]
    heights = [number for number, line in enumerate(reversed(lines)) if unit in line]
    assert len(heights) == 1, f"{package}: {unit!r} stands {len(heights)} times in LAYERS, wanted once"
    return heights[0]


each_module = pytest.mark.parametrize("module", MODULES.values(), ids=MODULES.keys())


@each_module
def test_a_module_imports_only_what_is_below_it(module: Module) -> None:
    own = height(module.package, module.unit)
    for name in imports(module):
        if name not in MODULES or MODULES[name].package != module.package:
            continue
        is_inside = unit_of(name) == module.unit
        is_below = height(module.package, unit_of(name)) < own
        assert is_inside or is_below, f"{module.name} imports {name}, which is not below it"


@each_module
def test_cogread_knows_nothing_of_the_server_nor_the_server_of_command_lines(module: Module) -> None:
    names = imports(module)
    if module.package == "cogread":
        assert not {name.partition(".")[0] for name in names} & FOREIGN_TO_COGREAD
    elif module.unit != "cli":
        assert not {name for name in names if name.startswith("cogread.") and unit_of(name) in COMMAND_LINES}


def test_imports_have_no_cycle() -> None:
    graph = {name: imports(module) & MODULES.keys() - {name} for name, module in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@each_module
def test_only_the_settings_and_the_command_line_read_the_environment(module: Module) -> None:
    if module.name in READ_THE_ENVIRONMENT:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in ENVIRONMENT, f"{module.name} line {node.lineno} reads the environment"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            assert not {alias.name for alias in node.names} & ENVIRONMENT, f"{module.name} imports the environment"


def test_imports_stand_at_the_top_but_for_those_named_here() -> None:
    inner_imports = {
        (module.name, name)
        for module in MODULES.values()
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        for name in imported(node)
    }
    assert inner_imports == LATE_IMPORTS


def test_modules_are_imported_by_name_only_behind_tables() -> None:
    assert {module.name for module in MODULES.values() if "importlib" in imports(module)} == TABLES


LAZY = (
    *("boto3", "botocore", "pyproj", "requests", "urllib3", "redis", "numpy", "imagecodecs"),
    *("prometheus_client", "opentelemetry"),
)

_START = f"""
import sys
from wsgi import app
client = app.test_client()
assert client.get("/layers/valley/tiles/native/0/0/0.webp").status_code == 200
print(*[name for name in {LAZY!r} if name in sys.modules])
"""


def test_a_server_of_local_files_loads_no_client_of_origins_and_no_proj(tmp_path: Path) -> None:
    """boto3 takes 60 MB a worker, and each of them time at the start that a router may not wait."""
    config = tmp_path / "layers.toml"
    config.write_text(f'[layers.valley]\nuri = "{ROOT / "data" / "valley.tif"}"\n')
    environment = {"RAWCOG_CONFIG": str(config), "PYTHONPATH": str(ROOT), "LOG_LEVEL": "critical"}
    command = [sys.executable, "-W", "error", "-c", _START]
    done = subprocess.run(command, check=False, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
