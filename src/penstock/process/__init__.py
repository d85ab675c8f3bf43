"""DURING the payment: the lane's path, admit → decide → post → record → reply."""
