"""The edge: the HTTPS API's server, its door-keeping, and its link to the lane."""
