"""The WSGI entry: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

import gc

from server import create_app

app = create_app()

# All of this lives as long as the worker: the collector need not look at ten thousand layers again and again.
gc.collect()
gc.freeze()
