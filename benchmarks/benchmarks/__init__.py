"""The asv suite: time, memory and the quality reached; speed alone rewards wrong answers."""
