"""`livematte bench`: measures speed, memory and quality on the machine that it runs on. In a checkout, scripts/bench is the same."""
