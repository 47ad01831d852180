"""A coloured screen is keyed."""
