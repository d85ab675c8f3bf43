"""Who holds a review for now: what the queue that gives it out and the command that decides it both ask."""
