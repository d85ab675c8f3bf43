"""The independent auditor: recomputes everything from the journal with code that shares nothing with the engine."""
