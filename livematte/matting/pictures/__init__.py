"""Networks that look at one picture at a time, of whatever kind."""
