"""All probes, one module for each group."""
