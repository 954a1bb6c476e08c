"""What a city declares: the project, the city, the policy, and the words of the card."""
