"""Speed, always as a ratio within one run, and counts that noise cannot move."""
