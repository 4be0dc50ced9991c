from .building import build as build
from .building import is_dry_run as is_dry_run
from .execution import execute as execute
from .page import Page as Page
from .page import begin as begin
from .pictures import fetch_pictures as fetch_pictures
from .rendering import render as render
from .sections import section_of as section_of
