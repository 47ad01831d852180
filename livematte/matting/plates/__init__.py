"""The empty room tells what is new in the picture."""
