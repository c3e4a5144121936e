"""The WSGI entry: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

import gc

from server import create_app

app = create_app()

# The app lives as long as the worker; freezing it spares the collector repeated scans of up to ten thousand layers.
gc.collect()
gc.freeze()
