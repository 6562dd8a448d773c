"""The undocumented behaviour of Connexion, Flask, Starlette and gunicorn that we rely on: separate modules for each.

A module begins with the list of what it relies on, and ``tests/frameworks`` tests each item of the list, so that an
update that changes one fails there. The rest of the application uses only documented behaviour, and these modules.
"""
