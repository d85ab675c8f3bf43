"""HTTP technique without domain: problems, request bodies, token buckets, answers."""
