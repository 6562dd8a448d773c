"""One module per part of the bench, each with a ``run`` that adds its lines to the table."""
