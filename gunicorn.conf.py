"""Makes plain ``gunicorn wsgi:app`` right; the settings and hooks are in ``app/serving.py``, which is installed too:
elsewhere say ``gunicorn -c python:parley.serving``. Options on the command line win."""

from app.serving import *  # noqa: F403
