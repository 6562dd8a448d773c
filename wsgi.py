"""What servers load: ``gunicorn wsgi:app``. The settings of gunicorn itself come from ``gunicorn.conf.py``."""

from app.starting import load

app = load()

# Connexion's application is not a Flask application, and `flask --app wsgi` wants one for its commands. It is never
# served on its own: keys and contract are checked around it, and it refuses requests that did not pass them.
flask_app = app.app
