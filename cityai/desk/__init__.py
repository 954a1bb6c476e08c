"""The reviewer's desk: the review in a browser, on this machine, with the same acts and rules."""
