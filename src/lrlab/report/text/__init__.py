"""Every sentence and caption that a report says."""
