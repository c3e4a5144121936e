"""The WSGI entry: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from server import create_app, keep_from_collector

app = create_app()
keep_from_collector()
