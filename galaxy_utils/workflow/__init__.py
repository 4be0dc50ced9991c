"""Pages: what they read and record, how they are executed and rendered."""
