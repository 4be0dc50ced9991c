from .claims import read_claims as read_claims
