"""People and rooms drawn by this code, as clips whose alpha is known: a body of shaded solids, every hair a curve of its own."""
