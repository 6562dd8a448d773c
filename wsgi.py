"""What servers load: ``gunicorn wsgi:app``. The settings of gunicorn itself come from ``gunicorn.conf.py``.

``flask --app wsgi`` wants a Flask application, which Connexion's is not: one with the commands, or the one inside, that
is never served on its own. Keys and contract are checked around it, and it refuses requests that did not pass them.
"""

from app.cli import for_flask
from app.starting import load

flask_app = for_flask()
if flask_app is None:
    app = load()
    flask_app = app.app
