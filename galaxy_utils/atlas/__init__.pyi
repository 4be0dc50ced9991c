from .classified import collect_classified as collect_classified
from .data import Atlas as Atlas
from .data import collect as collect
from .page import atlas_html as atlas_html
from .page import catalogue_csv as catalogue_csv
from .page import write_atlas as write_atlas
