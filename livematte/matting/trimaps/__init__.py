"""Alpha where a person said that it is unknown."""
