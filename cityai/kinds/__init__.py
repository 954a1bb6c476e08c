"""What each kind of question is made of."""
