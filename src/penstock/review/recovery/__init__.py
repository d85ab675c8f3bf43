"""What looks wrong after the fact: duplicate charges, payments stuck at the bank, money in suspense; and how to put it right."""
