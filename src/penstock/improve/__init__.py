"""BETTER: what makes the system better: simulators, later back-tests, learning and evaluation."""
