"""Real documentation, served by nginx on loopback."""
