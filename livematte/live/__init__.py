"""The live job: a source that may come and go, a matter that may be too slow, outputs that must never wait nor see the room."""
