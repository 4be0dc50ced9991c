from .claims import read_claims as read_claims
from .conclusions import ConclusionVerdict as ConclusionVerdict
from .conclusions import Origin as Origin
from .conclusions import conclusion_table as conclusion_table
from .conclusions import conclusions_markdown as conclusions_markdown
from .scorecard import ClaimVerdict as ClaimVerdict
from .scorecard import scorecard_html as scorecard_html
from .scorecard import scorecard_table as scorecard_table
