"""The queue of payments that wait for a person: what is most at stake and most pressing first."""
