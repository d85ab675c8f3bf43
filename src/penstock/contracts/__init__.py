"""The words that every part of Penstock shares: money, ids, commands, states, reasons, the journal row."""
