"""Models: uploaded, listed, and read before somebody approves that one is put in force."""
