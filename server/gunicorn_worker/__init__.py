"""The gunicorn worker and its connections."""
