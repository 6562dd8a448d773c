"""gunicorn's configuration of an installed Parley: ``gunicorn -c python:parley.serving``.

That of `app.serving`, found also where a module ``app`` of the user's lies in the folder that the server starts in.
"""

from app.serving import *  # noqa: F403
