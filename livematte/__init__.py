"""livematte: people out of video, in real time."""
