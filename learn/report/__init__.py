"""What a run says: in the terminal, as one HTML page, as JSON and CSV. Nothing here computes a
finding; all is rendered from a Result.
"""
