"""Who may: approvals, and what else the people of the back office decide."""
