"""Settings: the config file, the environment, origins, the banner."""
