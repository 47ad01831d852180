"""`livematte evaluate`: how far mattes are from the truth, frame by frame."""
