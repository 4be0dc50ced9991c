"""The paper's claims, our verdicts, and the conclusions that survive."""
