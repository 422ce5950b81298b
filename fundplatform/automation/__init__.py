"""What runs by itself: schedules of loads, the gap ledger and what follows from it, propagation."""
