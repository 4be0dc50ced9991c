from .claims import read_claims as read_claims
from .scorecard import ClaimVerdict as ClaimVerdict
from .scorecard import scorecard_html as scorecard_html
from .scorecard import scorecard_table as scorecard_table
