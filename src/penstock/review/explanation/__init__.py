"""Why a payment was decided as it was: verdict, thresholds, score and its reasons, in words, from its journal row alone."""
