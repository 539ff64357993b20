"""Arrays as sets: unique and its kin, unions and differences; partition."""
