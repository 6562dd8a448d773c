"""Makes the bundled model: ``make tiny-model``, or ``python -m tools.tiny_model`` with this folder's requirements."""
