"""Who may do what: users, what lets them in, and the log of what they did."""
