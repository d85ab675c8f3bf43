"""Events: what happened, told in order to those whom it concerns."""
