"""What is served, as one typed value: from the configuration file, or from the settings if there is none."""
