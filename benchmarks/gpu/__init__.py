"""What the CUDA back end does on one machine, in one call; see README.md beside this file."""
