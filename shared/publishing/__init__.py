"""Publishing: a finished picture becomes blocks, and what it is becomes metadata, before anything is signed.

`cid` names blocks, `unixfs` cuts bytes into them, `car` carries them to a pinner, `metadata` writes the
token's JSON.
Nothing here knows a provider: every CID is computed from the bytes alone, and is the truth that a provider must meet.
"""
