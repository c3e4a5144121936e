"""The WSGI entry: `gunicorn -c config/gunicorn.conf.py wsgi:app`."""

from server import create_app

app = create_app()
