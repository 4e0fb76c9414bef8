"""What a sweep shows, in numbers: frames and frozen values, no sentences."""
