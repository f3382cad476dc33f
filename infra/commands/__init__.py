"""The commands of `monoprint`, by what they are about. Each is short: what it does lives in the modules of `infra`.

A command imports what it needs when it runs: help loads nothing heavy.
"""
