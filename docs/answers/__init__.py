"""The studies behind which-optimizer.md and which-loss.md: what is run, and what is read of it."""
