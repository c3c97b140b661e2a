"""Search for better settings of a member, and an honest score of the search itself."""
