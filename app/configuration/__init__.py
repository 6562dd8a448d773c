"""What is served, as one typed value: from the configuration file, or from the settings where there is none."""
