"""gunicorn's configuration: `gunicorn -c config/gunicorn.conf.py wsgi:app`.

The master reads the settings before it forks, so that an error ends the start with one line. After a later error, at
HUP or when a crashed worker is replaced, the previous settings stay current.

Left at gunicorn's defaults on purpose: `preload_app`, as HTTP, S3 and Redis clients must be created after the fork;
`reuse_port`, which loses requests at HUP; `max_requests`, as workers do not leak; `accesslog`, as the server has a log
of its own; `limit_request_line` (4094 bytes), which is enough for WMTS; longer ones get 414.
"""

import gc

gc.disable()  # until the fork: all that is imported here lives on, and a search in it takes a sixth of the start

import errno
import os
import select
import socket
import sys
from tempfile import gettempdir

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from server.gunicorn_worker import descriptors, parser, request_check
from server.gunicorn_worker.log import Logger
from server.logs.log_writer import DirectStream
from server.metrics import shared_folder
from server.settings import current
from server.settings.banner import banner, start_line
from server.settings.load import ConfigError, deployment

descriptors.open_standard_streams()

try:
    _deployment = deployment()
except ConfigError as error:
    sys.exit(f"rawcog: {error}")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


bind = [f"{_bracketed(_deployment.host)}:{_deployment.port}"]
if _deployment.metrics_port is not None:  # the workers answer there too: there is no other process, and no other thread
    bind.append(f"{_bracketed(_deployment.metrics_host)}:{_deployment.metrics_port}")
loglevel = _deployment.log_level
logger_class = "server.gunicorn_worker.log.Logger"
Logger.line_format = _deployment.log_format

# Threads wait for origins (20 to 100 ms a read), processes use the cores. Two processes fill a small machine, and one
# serves while the other restarts. 32 threads keep a process busy at 50 ms an origin read; more gain little.
_is_linux = hasattr(select, "epoll")
worker_class = "server.gunicorn_worker.worker.Worker" if _is_linux else "gthread"
http_parser = parser.http_parser() if _is_linux else "python"  # the worker has some checks of the other's requests
workers = _deployment.workers
threads = _deployment.threads
worker_connections = descriptors.connections(threads)

pre_request = request_check.check

timeout = 30  # of a worker's heartbeat; deadlines of requests are shorter and the server's own
graceful_timeout = 20  # a platform kills 30 s after TERM
keepalive = 95  # longer than the 90 s of a router in front, which then closes connections first

# The heartbeat is a file, in memory so that a slow disk cannot stop it.
try:
    worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else gettempdir()  # noqa: S108 - unlinked at once
except FileNotFoundError:
    sys.exit("rawcog: the workers need a folder that they can write: /dev/shm, /tmp or the one that TMPDIR names")
forwarded_allow_ips = ""  # trusted_proxies in the config file takes its place
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True  # there is one for each user, not for each server, so two servers would collide
forwarder_headers = ""  # else a SCRIPT_NAME header of a client is a 500


def on_starting(server: Arbiter) -> None:
    """End the start with one line if the settings are wrong or the port is taken."""
    if reason := parser.contradiction(server.cfg):
        sys.exit(f"rawcog: {reason}")
    try:
        current.adopt()
    except ConfigError as error:
        sys.exit(f"rawcog: {error}")
    if not server.master_pid:  # else a USR2 upgrade, which inherits the sockets
        for address in server.cfg.address:
            _check_free(address)
    _share_metrics()


def on_reload(server: Arbiter) -> None:
    """Read the settings again and log the changes; if they are wrong, keep the previous ones."""
    try:
        changes = current.adopt()
    except ConfigError as error:
        server.log.error("not reloaded, the previous settings stay current: %s", error)
    else:
        server.log.info("reloaded: %s", changes)
        _share_metrics()


def pre_fork(_: Arbiter, __: Worker) -> None:
    """Share the heap with the workers: what is frozen is not searched, so that their pages of it stay the master's."""
    gc.freeze()
    gc.enable()


def when_ready(server: Arbiter) -> None:
    """Log what starts and, for readers of text, print the banner."""
    server.log.info(start_line(current.settings(), server.num_workers))
    address = server.LISTENERS[0].sock.getsockname()  # of PORT=0 with the port that the kernel chose
    place = address[:2] if isinstance(address, tuple) else os.fsdecode(address)
    text = banner(current.settings(), place, is_tls=server.cfg.is_ssl)
    if sys.__stdout__ and _deployment.log_format != "json":
        DirectStream(sys.__stdout__.fileno()).write(text)


def child_exit(_: Arbiter, worker: Worker) -> None:
    """Keep the counters of a worker that has ended, however it did."""
    shared_folder.end_process(worker.pid)


def on_exit(_: Arbiter) -> None:
    """Remove what the master made."""
    shared_folder.remove()


def _share_metrics() -> None:
    """Make the folder of the metrics, which the workers inherit, if they are to be served."""
    if current.settings().has_metrics:
        shared_folder.make(worker_tmp_dir)


def _check_free(address: object) -> None:
    """End the start if the address cannot be bound; gunicorn would try for five seconds and write eleven lines."""
    if not isinstance(address, tuple):
        return  # a Unix socket or an inherited file descriptor
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            is_host_wrong = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            variable = "HOST (--host)" if is_host_wrong else "PORT (--port)"
            if address[1] == _deployment.metrics_port:
                variable = f"RAWCOG_METRICS_{'HOST' if is_host_wrong else 'PORT'}"
            place = f"{address[0]} port {address[1]}"
            sys.exit(f"rawcog: cannot listen on {place}: {error.strerror}; {variable} sets another")
