"""Configures plain ``gunicorn wsgi:app``. The settings and hooks are in ``app/serving.py``, which is also installed:
outside the checkout, run ``gunicorn -c python:parley.serving``. Command-line options take precedence."""

from app.serving import *  # noqa: F403
