"""Pictures and sounds in requests."""
