"""Rule packs: what an analyst wrote in SQL, checked, and run over a batch of payments without compiling anything.

``pack.py`` reads and runs a pack · ``parsing.py`` SQL → tree · ``tree.py`` the language · ``columns.py`` its names ·
``scales.py`` numbers as analysts say them and as vectors store them · ``assembling.py`` tree → steps ·
``machine.py`` the kernel that runs the steps · ``explaining.py`` a rule in words. See docs/rules.md and ADR 0019.
"""
