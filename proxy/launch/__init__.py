"""The trust kit: the CA, and the environment, files and terminal of a recorded child."""
