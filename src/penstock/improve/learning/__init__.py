"""Learning: from labelled histories to a model that can be published, with a card that says what it is worth."""
