"""The lane's figures for people."""
