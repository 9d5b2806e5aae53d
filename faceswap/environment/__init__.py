"""Environment checks: facts about this machine, and whether they suffice."""
